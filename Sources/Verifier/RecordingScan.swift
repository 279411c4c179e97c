// SPDX-License-Identifier: Apache-2.0

import Evidence
import Glibc

/// Recordings: each ended as the broker signed, and is there, byte for byte.
struct RecordingScan {
    private(set) var findings = Findings()
    private let ledger: LedgerScan
    private let roll: RollScan
    private let known: DatabaseLookup

    /// - Parameter directory: of the files; without it, what the database says is checked only.
    init(_ database: DatabaseReader, _ directory: String?, _ ledger: LedgerScan, _ roll: RollScan) throws(VerifierError) {
        var scan = Self(ledger, roll, known: try database.lookup("SELECT 1 FROM recording WHERE session = ?1"))
        try database.each(
            """
            SELECT r.*, s.opening, s.opening_signatures FROM recording AS r JOIN session AS s ON s.id = r.session
            ORDER BY r.session
            """
        ) { scan.take($0, directory) }
        try database.each("SELECT id FROM session WHERE acceptance IS NOT NULL") { row in
            let id = row.text("id") ?? "?"
            scan.findings.expect(scan.known.isThere(.text(id)), "recording \(id)", "there is a session and no word on its recording")
        }
        try database.eachMention("recording.ended") { mention in
            scan.findings.expect(scan.known.isThere(.text(mention.subject)), "recording \(mention.subject)", "the ledger has it, and it is gone")
        }
        if let directory { scan.checkNames(in: directory) }
        self = scan
    }

    private init(_ ledger: LedgerScan, _ roll: RollScan, known: DatabaseLookup) {
        (self.ledger, self.roll, self.known) = (ledger, roll, known)
    }

    private mutating func take(_ row: DatabaseRow, _ directory: String?) {
        let id = row.text("session") ?? "?"
        let place = "recording \(id)"
        let state = row.text("state") ?? ""
        if state == "deleted" {
            let isTold = ledger.mentions[.init(event: "recording.deleted", subject: id, digest: "")] != nil
            findings.expect(isTold, place, "it is deleted, and the ledger does not tell of it")
        }
        let end = SignedRow(row, "statement", "signatures", at: place, &findings)
        if let end { check(end, row, id, place) }
        findings.expect((state == "growing") == (end == nil), place, "its state is not what was signed")
        guard let directory, state != "deleted" else { return }
        let path = directory + "/" + id + ".cast"
        guard let file = RecordingFileScan(path) else {
            // The session was accepted, and its recorder could not begin.
            return findings.expect(end.map { $0.integer("bytes") == 0 } ?? true, place, "it cannot be read")
        }
        for finding in file.findings(isEnded: end != nil) { findings.add(place, finding) }
        guard let end, file.findings(isEnded: true).isEmpty else { return }
        findings.expect(file.size == end.integer("bytes"), place, "it has \(file.size) bytes, and the broker signed another size")
        findings.expect(
            file.chunks == end.integer("chunks") && file.chain == end.text("chain"), place,
            "chunk \(file.chunks + 1), its last, is not what was recorded")
    }

    private mutating func check(_ end: SignedRow, _ row: DatabaseRow, _ id: String, _ place: String) {
        let keys = end.signers(at: place, &findings)
        findings.expect(keys.contains(roll.broker), place, "the broker did not sign its end")
        let opening = SignedRow(row, "opening", "opening_signatures", at: place, &findings)
        findings.expect(
            end.text("type") == "recording-end" && end.text("root") == roll.root && end.text("opening") == opening?.digest, place,
            "its end is of something else")
        let written = ledger.mentions[.init(event: "recording.ended", subject: id, digest: end.digest)]
        findings.expect(written != nil && written == row.integer("ended_at"), place, "the ledger has no such end of it")
        let state = row.text("state")
        findings.expect(
            state == "deleted" || (end.integer("missing") == 0) == (state == "whole"), place, "its state is not what was signed")
        findings.expect(row.integer("bytes") == end.integer("bytes"), place, "`bytes` is not what was signed")
    }

    private mutating func checkNames(in directory: String) {
        guard let stream = opendir(directory) else { return findings.add("recordings", "the directory cannot be read") }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard name.hasSuffix(".cast"), !known.isThere(.text(String(name.dropLast(5)))) else { continue }
            findings.add("recording \(name.dropLast(5))", "there is a file, and no session for it")
        }
    }
}

/// One file, chunk by chunk.
private struct RecordingFileScan {
    private(set) var size: Int64 = 0
    /// Seals that were seen.
    private(set) var chunks: Int64 = 0
    /// The digest of what follows the last seal, and through it of all.
    private(set) var chain = ""
    private var wrong: [(chunk: Int64, seal: RecordingSeal)] = []

    private static let piece = 256 * 1024

    /// `nil` where it cannot be read.
    init?(_ path: String) {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // Without a digest nothing compares equal.
        guard (try? read(file)) != nil else { return nil }
    }

    /// A chunk that nothing follows may have been torn by a power cut before anybody was told of it.
    func findings(isEnded: Bool) -> [String] {
        wrong.filter { isEnded || $0.chunk < chunks }.map { wrong in
            "chunk \(wrong.chunk), bytes \(wrong.seal.from) to \(wrong.seal.to), is not what was recorded"
        }
    }

    private mutating func read(_ file: Int32) throws {
        var digest = try Self.digest(after: .none)
        var start: Int64 = 0
        var line: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.piece, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(file, buffer.baseAddress, buffer.count)
            guard count >= 0 else { throw VerifierError.cannotRead(path: "") }
            if count == 0 { break }
            var rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])[...]
            while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                line += rest[..<newline]
                if let seal = RecordingSeal(line: line) {
                    var ended = try Self.digest(after: seal.digest)
                    swap(&ended, &digest)
                    chunks += 1
                    let found = try ended.digest()
                    let holds = seal.number == chunks && seal.from == start && seal.to == size && found == seal.digest
                    if !holds { wrong.append((chunks, seal)) }
                    start = size
                }
                line.append(UInt8(ascii: "\n"))
                try digest.add(line)
                size += Int64(line.count)
                line.removeAll(keepingCapacity: true)
                rest = rest[(newline + 1)...]
            }
            line += rest
        }
        try digest.add(line)
        size += Int64(line.count)
        chain = try digest.digest().hex
    }

    private static func digest(after previous: Digest) throws -> RunningDigest {
        var digest = try RunningDigest()
        try digest.add(Array("stint recording 1\n".utf8) + previous.bytes)
        return digest
    }
}
