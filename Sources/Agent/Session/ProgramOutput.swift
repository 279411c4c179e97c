// SPDX-License-Identifier: Apache-2.0
// SECURITY: what the program wrote is kept until the client has consumed it and the recording holds it; nothing is
// dropped in between, and what is kept is bounded (P4).

import Posix
import Protocol

/// One stream of bytes from the program to the client: the terminal, standard output or standard error.
///
///     0 ........ kept from ........ position ........ end
///       let go              sent             to send        offsets of bytes, over the whole session
///
/// A new connection sets `position` back. When the window is full nothing more is read: the program waits. The disk of the
/// broker is slower than the client mostly, so more is kept for the recording than may be on its way to the client.
final class ProgramOutput {
    let kind: Frame.Kind
    let stream: Frame.Stream
    let descriptor: Int32
    private let window: Int
    private let limit: Int
    /// What is read before it is sent.
    private let piece: Int
    private let fill: Int
    private var ring: ByteRing
    /// Offset of the next byte to send over the present connection.
    private(set) var position: UInt64 = 0
    private var acknowledged: UInt64 = 0
    private var recorded: UInt64 = 0
    private(set) var isOpen = true

    /// Less room than that is not worth a read in a flood. The client gives credit for half of its window at the latest.
    static let leastRoom = 16 * 1024

    /// - Parameter fill: payload of a frame in a flood.
    init(_ kind: Frame.Kind, _ stream: Frame.Stream, from descriptor: Int32, window: Int, fill: Int = Limits.frameFill) {
        self.kind = kind
        self.stream = stream
        self.descriptor = descriptor
        self.window = window
        limit = 4 * max(window, Limits.streamCredit / 4)
        self.fill = fill
        // Whole frames.
        piece = max(1, window / 4 / fill) * fill
        ring = ByteRing(limit: limit)
    }

    /// Offset of the oldest byte that is kept.
    var start: UInt64 { ring.start }
    /// Offset behind the last byte that the program wrote.
    var end: UInt64 { ring.start + UInt64(ring.count) }
    /// How many bytes may be read before the client and the recorder have taken more.
    var room: Int { min(window - Int(clamping: end - acknowledged), limit - ring.count) }
    var hasRoom: Bool { room >= Self.leastRoom }
    var hasUnsent: Bool { position < end }

    /// The client has consumed everything before `offset`. False when that cannot be.
    func acknowledge(_ offset: UInt64) -> Bool {
        guard offset >= acknowledged, offset <= end else { return false }
        acknowledged = offset
        letGo()
        return true
    }

    /// Everything before `offset` is in the recording. False when that cannot be.
    func acknowledge(recorded offset: UInt64) -> Bool {
        guard keeps(offset) else { return false }
        recorded = offset
        letGo()
        return true
    }

    /// Whether ``rewind(to:)`` can go there: the bytes are still kept, and were written.
    func keeps(_ offset: UInt64) -> Bool { offset >= start && offset <= end }

    /// Goes on sending from `offset`, to somebody who has consumed nothing behind it.
    func rewind(to offset: UInt64) {
        precondition(keeps(offset), "the bytes are not kept")
        position = offset
        acknowledged = min(acknowledged, offset)
    }

    private func letGo() { ring.drop(before: min(acknowledged, recorded)) }

    /// Reads what there is, as far as there is room for it.
    ///
    /// - Returns: how many bytes were read; 0 when there is nothing now, or the end has come (``isOpen``).
    func read() -> Int {
        let limit = min(room, piece)
        var total = 0
        while isOpen, total < limit {
            do throws(SystemError) {
                let count = try ring.fill(maximum: limit - total) { (target) throws(SystemError) in
                    try Transfer.read(descriptor, into: target)
                }
                if count == 0 { isOpen = false }
                total += count
                // After a key's echo there is nothing more: do not ask. A terminal gives at most 4095 bytes at once.
                if count < 2048 { break }
            } catch {
                // EIO is how a terminal tells that nobody has it open any more (pty(7)).
                if !error.wouldBlock { isOpen = false }
                break
            }
        }
        return total
    }

    /// Lends the next bytes to send, at most one frame's payload, and counts them as sent.
    func send(_ body: (_ offset: UInt64, UnsafeRawBufferPointer) throws -> Void) rethrows {
        // A rest that fits into the frame is none of its own.
        let isLast = end - position <= UInt64(Limits.framePayload)
        try ring.withBytes(at: position, maximum: isLast ? Limits.framePayload : fill) { bytes in
            try body(position, bytes)
            position += UInt64(bytes.count)
        }
    }
}

/// Bytes between two offsets of a stream, in a buffer that grows when it must, up to a limit.
struct ByteRing: ~Copyable {
    private let limit: Int
    private var buffer: UnsafeMutableRawBufferPointer
    private var head = 0
    private(set) var count = 0
    /// Offset of the first byte.
    private(set) var start: UInt64 = 0

    private static let initialSize = 16 * 1024

    init(limit: Int) {
        self.limit = limit
        buffer = .allocate(byteCount: min(limit, Self.initialSize), alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Lets go of everything before `offset`.
    mutating func drop(before offset: UInt64) {
        guard offset > start else { return }
        let dropped = min(Int(offset - start), count)
        head = (head + dropped) % buffer.count
        count -= dropped
        start += UInt64(dropped)
        if count == 0 { head = 0 }
    }

    /// Lends room at the end for `body` to write to.
    ///
    /// - Parameter maximum: together with ``count`` at most the limit.
    /// - Returns: what `body` returned: how many bytes it wrote.
    mutating func fill<E: Error>(
        maximum: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> Int
    ) throws(E) -> Int {
        if buffer.count - count < min(maximum, Self.initialSize) { grow() }
        let tail = (head + count) % buffer.count
        let free = tail < head ? head - tail : min(buffer.count - tail, buffer.count - count)
        let written = try body(UnsafeMutableRawBufferPointer(rebasing: buffer[tail..<tail + min(free, maximum)]))
        count += written
        return written
    }

    /// Lends bytes from `offset` on: as many as lie together.
    func withBytes<R>(at offset: UInt64, maximum: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        let skipped = Int(clamping: offset - start)
        precondition(offset >= start && skipped <= count, "the bytes are not kept")
        let first = (head + skipped) % buffer.count
        let length = min(count - skipped, buffer.count - first, maximum)
        return try body(UnsafeRawBufferPointer(rebasing: buffer[first..<first + length]))
    }

    private mutating func grow() {
        let size = min(limit, 2 * buffer.count)
        guard size > buffer.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        let firstPart = min(count, buffer.count - head)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[head..<head + firstPart]))
        UnsafeMutableRawBufferPointer(rebasing: larger[firstPart...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[0..<count - firstPart]))
        buffer.deallocate()
        buffer = larger
        head = 0
    }
}
