// SPDX-License-Identifier: Apache-2.0

import Evidence
import Glibc

/// Recordings: what the ledger says was recorded is there, byte for byte.
struct RecordingScan {
    private let directory: String
    private let ledger: LedgerScan
    private let sessions: SessionScan

    init(_ directory: String, _ ledger: LedgerScan, _ sessions: SessionScan) {
        (self.directory, self.ledger, self.sessions) = (directory, ledger, sessions)
    }

    func check(_ findings: inout Findings) {
        let deleted = Set(ledger.mentions.keys.filter { $0.event == "recording.deleted" }.map(\.subject))
        for mention in ledger.mentions.keys where mention.event == "recording.ended" && !deleted.contains(mention.subject) {
            let place = "recording \(mention.subject)"
            findings.expect(sessions.ids.contains(mention.subject), place, "there is no session for it")
            guard let found = Self.digest(of: directory + "/" + mention.subject + ".cast") else {
                findings.add(place, "the ledger has its end, and the file cannot be read")
                continue
            }
            findings.expect(found == mention.digest, place, "it is not what was recorded")
        }
    }

    private static func digest(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // A digest that cannot be computed is like a file that cannot be read.
        guard var digest = try? RunningDigest() else { return nil }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(file, buffer.baseAddress, buffer.count)
            if count == 0 { return try? digest.finish() }
            guard count > 0, (try? digest.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))) != nil else { return nil }
        }
    }
}
