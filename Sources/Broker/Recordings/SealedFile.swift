// SPDX-License-Identifier: Apache-2.0
// SECURITY: a seal counts only if its chunk has its digest: what a power cut tore is not taken for what was on disk.

import Evidence
import Glibc
import Posix

/// A recording that is read by its seals, from its end.
struct SealedFile: ~Copyable {
    private let file: OwnedDescriptor
    private let path: String
    let size: Int64

    /// A header has a title of names and a type of terminal.
    private static let maximumHeader = 64 * 1024
    private static let window: Int64 = 256 * 1024

    init(_ path: String) throws {
        let number = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw SystemError(call: "open", errno: errno, subject: path) }
        // Only a file that cannot be sought fails here, and a regular one can.
        size = max(0, Int64(lseek(number, 0, SEEK_END)))
        file = OwnedDescriptor(owning: number)
        self.path = path
    }

    func read(from offset: Int64, maximum: Int) throws(SystemError) -> [UInt8] {
        guard lseek(file.number, Int(offset), SEEK_SET) >= 0 else { throw SystemError(call: "lseek", errno: errno, subject: path) }
        return try file.read(maximum: maximum)
    }

    /// Nobody reads these bytes again soon; as with ``AppendFile/forgetCached(from:to:)``.
    func forgetCached(from start: Int64, count: Int) {
        _ = posix_fadvise(file.number, Int(start), count, POSIX_FADV_DONTNEED)
    }

    /// The first line; empty where it is not whole.
    func header() throws(SystemError) -> [UInt8] {
        let bytes = try read(from: 0, maximum: Self.maximumHeader)
        return bytes.firstIndex(of: UInt8(ascii: "\n")).map { Array(bytes[...$0]) } ?? []
    }

    /// The last seal whose chunk has its digest.
    func lastSeal() throws -> RecordingSeal? {
        var end = size
        while end > 0 {
            let start = max(0, end - Self.window)
            // A line that begins before `end` may end behind it.
            let bytes = try read(from: start, maximum: Int(end - start) + RecordingSeal.maximumLine)
            for seal in Self.seals(in: bytes, at: start).reversed() where seal.to < end {
                if try holds(seal) { return seal }
            }
            end = start
        }
        return nil
    }

    private func holds(_ seal: RecordingSeal) throws -> Bool {
        guard let previous = try previousDigest(of: seal) else { return false }
        var chain = try RecordingChain(behind: seal.number - 1, from: seal.from, previous)
        while chain.size < seal.to {
            let bytes = try read(from: chain.size, maximum: Int(min(Self.window, seal.to - chain.size)))
            guard !bytes.isEmpty else { return false }
            try chain.add(bytes)
        }
        return try chain.end() == seal.digest
    }

    private func previousDigest(of seal: RecordingSeal) throws -> Digest? {
        if seal.from == 0 { return seal.number == 1 ? Digest.none : nil }
        let bytes = try read(from: seal.from, maximum: RecordingSeal.maximumLine)
        guard let previous = Self.seals(in: bytes, at: seal.from).first, previous.to == seal.from,
            previous.number == seal.number - 1
        else { return nil }
        return previous.digest
    }

    /// The seals in these bytes of the file that stand where they say.
    private static func seals(in bytes: [UInt8], at offset: Int64) -> [RecordingSeal] {
        var seals: [RecordingSeal] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if let seal = RecordingSeal(line: bytes[start..<end]), seal.to == offset + Int64(start) { seals.append(seal) }
            start = end + 1
        }
        return seals
    }
}
