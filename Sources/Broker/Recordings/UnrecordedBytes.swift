// SPDX-License-Identifier: Apache-2.0

import Evidence

/// What a stream carried beyond the limit of its recording: where it began, how much it was, and its SHA-256, so that a file
/// that somebody has can be compared. Owned by the relay's thread.
final class UnrecordedBytes {
    /// Offset of the first byte, from the beginning of the stream.
    private let start: Int
    private var count = 0
    private var running: RunningDigest

    init(from start: Int) throws(CryptographyError) {
        self.start = start
        running = try RunningDigest()
    }

    func add(_ bytes: UnsafeRawBufferPointer) throws(CryptographyError) {
        try running.add(bytes)
        count += bytes.count
    }

    /// For the recording. Nothing is added behind it.
    func text() throws(CryptographyError) -> String {
        var ended = try RunningDigest()
        swap(&ended, &running)
        return "\(count) bytes from byte \(start) on have SHA-256 \(try ended.digest().hex)"
    }
}
