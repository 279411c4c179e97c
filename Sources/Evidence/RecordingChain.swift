// SPDX-License-Identifier: Apache-2.0
// SECURITY: a byte of a recording that changes shows in the digest of its chunk and in every later one.

/// The digests of a recording, chunk by chunk.
///
/// A chunk ends where its writer put everything on disk, and there a seal stands: a line that names the chunk and its
/// digest. The digest covers the one before, so that no chunk can be changed, left out or exchanged alone. The seal itself
/// is the beginning of the next chunk; what follows the last seal is the last chunk, whose digest the broker signs.
///
///     digest(n) = SHA-256("stint recording 1\n" · digest(n - 1) · bytes of chunk n)
package struct RecordingChain: ~Copyable {
    /// Chunks that have ended.
    package private(set) var number: Int64
    /// Where the present chunk begins, in bytes.
    package private(set) var start: Int64
    /// The bytes so far.
    package private(set) var size: Int64
    private var running: RunningDigest

    /// At the beginning of a recording.
    package init() throws(CryptographyError) { try self.init(behind: 0, from: 0, .none) }

    /// Behind `number` chunks, of which the last has this digest.
    ///
    /// - Parameter start: where the next chunk begins.
    package init(behind number: Int64, from start: Int64, _ digest: Digest) throws(CryptographyError) {
        (self.number, self.start, size) = (number, start, start)
        running = try Self.digest(after: digest)
    }

    package mutating func add(_ bytes: UnsafeRawBufferPointer) throws(CryptographyError) {
        try running.add(bytes)
        size += Int64(bytes.count)
    }

    package mutating func add(_ bytes: [UInt8]) throws(CryptographyError) {
        try running.add(bytes)
        size += Int64(bytes.count)
    }

    /// Ends the chunk here.
    package mutating func seal() throws(CryptographyError) -> RecordingSeal {
        let (chunk, digest) = (start, try end())
        number += 1
        start = size
        return RecordingSeal(number: number, from: chunk, to: size, digest: digest)
    }

    /// The digest of the present chunk; another one begins.
    package mutating func end() throws(CryptographyError) -> Digest {
        var ended = try RunningDigest()
        swap(&ended, &running)
        let digest = try ended.digest()
        running = try Self.digest(after: digest)
        return digest
    }

    private static func digest(after previous: Digest) throws(CryptographyError) -> RunningDigest {
        var running = try RunningDigest()
        try running.add(Array("stint recording 1\n".utf8))
        try running.add(previous.bytes)
        return running
    }
}

/// What a seal says, in an event of code `h`, which players skip: `NUMBER FROM TO OUTPUT ERRORS INPUT DIGEST`.
package struct RecordingSeal: Sendable, Equatable {
    /// From 1.
    package let number: Int64
    /// The bytes of the chunk. The seal stands at `to`.
    package let from: Int64
    package let to: Int64
    package let digest: Digest
    /// How much of output, error output and input the recording holds up to here.
    package var streams: [UInt64] = [0, 0, 0]

    package static let code = "h"
    /// Longer than any line with a seal.
    package static let maximumLine = 512

    package init(number: Int64, from: Int64, to: Int64, digest: Digest) {
        (self.number, self.from, self.to, self.digest) = (number, from, to, digest)
    }

    package var text: String {
        ([String(number), String(from), String(to)] + streams.map { String($0) } + [digest.hex]).joined(separator: " ")
    }

    package init?(text: some Collection<UInt8>) {
        let words = text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard words.count == 7, let digest = Digest(hex: words[6]) else { return nil }
        let numbers = words.prefix(6).compactMap { word in
            word.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(word) : nil
        }
        guard numbers.count == 6, let number = Int64(exactly: numbers[0]), let from = Int64(exactly: numbers[1]),
            let to = Int64(exactly: numbers[2]), number > 0, from < to
        else { return nil }
        self.init(number: number, from: from, to: to, digest: digest)
        streams = Array(numbers[3...])
    }

    /// Reads a whole line of a recording without its line feed; `nil` for any other line.
    package init?(line: some Collection<UInt8>) {
        guard line.count <= Self.maximumLine, line.first == UInt8(ascii: "["), line.suffix(2).elementsEqual("\"]".utf8) else { return nil }
        let parts = line.dropLast(2).split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
        guard parts.count == 4, parts[1].elementsEqual(Self.code.utf8) else { return nil }
        self.init(text: parts[3])
    }
}

extension RunningDigest {
    package mutating func add(_ bytes: [UInt8]) throws(CryptographyError) {
        // A closure of the standard library's would lose the type of the error.
        let done: Result<Void, CryptographyError> = bytes.withUnsafeBytes { source in
            do throws(CryptographyError) { return .success(try add(source)) } catch { return .failure(error) }
        }
        try done.get()
    }
}
