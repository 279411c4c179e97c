// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Reading and writing of descriptors by number, for those that we do not own: 0, 1 and 2.
/// For our own, use the methods of ``OwnedDescriptor``.
package enum Transfer {
    /// Reads once. Returns the number of bytes, 0 at the end.
    ///
    /// - Throws: an error with `wouldBlock` when the descriptor is non-blocking and has nothing.
    package static func read(_ number: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try check("read") { Glibc.read(number, buffer.baseAddress, buffer.count) }
    }

    /// Reads once, at most `maximum` bytes. Empty at the end.
    package static func read(_ number: Int32, maximum: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: maximum) { buffer, count in
            do throws(SystemError) {
                count = try read(number, into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
                count = 0
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes once. Returns how many bytes were taken.
    package static func write(_ number: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        try check("write") { Glibc.write(number, bytes.baseAddress, bytes.count) }
    }

    /// Makes reads and writes return at once: only for what is nobody else's, see ``OwnedDescriptor/setNonBlocking(_:)``.
    package static func setNonBlocking(_ number: Int32) throws(SystemError) {
        let flags = try check("fcntl") { stint_get_flags(number) }
        try check("fcntl") { stint_set_flags(number, flags | O_NONBLOCK) }
    }

    /// Writes everything, and waits where the descriptor is non-blocking and full.
    package static func writeAll(_ number: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            do throws(SystemError) {
                let count = try write(number, rest)
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } catch {
                guard error.wouldBlock else { throw error }
                var entries = [PollEntry(number, .output)]
                _ = try Poll.wait(&entries, timeout: nil)
            }
        }
    }

    package static func writeAll(_ number: Int32, _ bytes: [UInt8]) throws(SystemError) {
        try bytes.span.bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) throws(SystemError) in
            try writeAll(number, buffer)
        }
    }
}
