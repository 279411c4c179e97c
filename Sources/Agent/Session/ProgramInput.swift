// SPDX-License-Identifier: Apache-2.0
// SECURITY: a client can make us hold a window of bytes and no more.

import Posix

/// Bytes on their way from the client into the program.
final class ProgramInput {
    /// Why the client's input is not taken. The client and we no longer agree on the stream.
    enum Violation: Error { case gap, overrun, afterEnd }

    private let window: Int
    private var buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var count = 0
    /// Offset of the next byte from the client.
    private(set) var received: UInt64 = 0
    /// Up to where the client was told that we are through.
    private var credited: UInt64 = 0
    private(set) var hasEnded = false
    /// The program reads no more: what comes is dropped.
    private var isClosed = false

    private static let initialSize = 64 * 1024

    init(window: Int) {
        self.window = window
        buffer = .allocate(byteCount: min(window, Self.initialSize), alignment: 16)
    }

    deinit { buffer.deallocate() }

    var isEmpty: Bool { count == 0 }
    /// Bytes that the program was given.
    var consumed: UInt64 { received - UInt64(count) }

    /// Takes bytes from the client and writes what the program takes now.
    func take(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, into descriptor: Int32) throws {
        guard !hasEnded else { throw Violation.afterEnd }
        guard offset == received else { throw Violation.gap }
        guard received - credited + UInt64(bytes.count) <= UInt64(window) else { throw Violation.overrun }
        received += UInt64(bytes.count)
        var rest = bytes
        if count == 0 {
            let written = write(rest, to: descriptor)
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        append(rest)
    }

    /// The client says that nothing follows.
    func end(at offset: UInt64) throws {
        guard offset == received else { throw Violation.gap }
        hasEnded = true  // said again after a lost connection, it is the same end
    }

    /// Writes what waits.
    func drain(into descriptor: Int32) {
        let written = write(UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]), to: descriptor)
        start += written
        count -= written
        if count == 0 { start = 0 }
    }

    /// The offset to tell the client, when a quarter of the window was consumed since it was told last.
    func takeCredit() -> UInt64? {
        guard consumed - credited >= UInt64(window / 4) else { return nil }
        credited = consumed
        return credited
    }

    /// The offset to tell a client that has attached again: what it was told last may be lost.
    func renewCredit() -> UInt64 {
        credited = consumed
        return credited
    }

    /// - Returns: how many were taken.
    private func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
        guard !isClosed, descriptor >= 0 else { return bytes.count }
        guard !bytes.isEmpty else { return 0 }
        do throws(SystemError) {
            // Once: who takes less than all of it is full.
            return try Transfer.write(descriptor, bytes)
        } catch {
            if error.wouldBlock { return 0 }
            // The program closed its input (EPIPE), or ended (EIO). That is its right.
            isClosed = true
            return bytes.count
        }
    }

    private func append(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        if start + count + bytes.count > buffer.count { makeRoom(for: bytes.count) }
        UnsafeMutableRawBufferPointer(rebasing: buffer[(start + count)...]).copyMemory(from: bytes)
        count += bytes.count
    }

    private func makeRoom(for more: Int) {
        let old = UnsafeRawBufferPointer(rebasing: buffer[start..<start + count])
        if count + more <= buffer.count {
            buffer.copyMemory(from: old)
        } else {
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(count + more, min(window, 2 * buffer.count)), alignment: 16)
            larger.copyMemory(from: old)
            buffer.deallocate()
            buffer = larger
        }
        start = 0
    }
}
