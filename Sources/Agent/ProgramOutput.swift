// SPDX-License-Identifier: Apache-2.0

import Posix
import Protocol

/// One stream of bytes from the program to the client: the terminal, standard output or standard error.
final class ProgramOutput {
    let kind: Frame.Kind
    let stream: Frame.Stream
    let descriptor: Int32
    private let window: UInt64
    private(set) var sent: UInt64 = 0
    private var acknowledged: UInt64 = 0
    private(set) var isOpen = true

    init(_ kind: Frame.Kind, _ stream: Frame.Stream, from descriptor: Int32, window: Int) {
        self.kind = kind
        self.stream = stream
        self.descriptor = descriptor
        self.window = UInt64(window)
    }

    /// How many bytes may be sent before the client has consumed more.
    var room: Int { Int(window - (sent - acknowledged)) }

    /// The client has consumed everything before `offset`. False when that cannot be.
    func acknowledge(_ offset: UInt64) -> Bool {
        guard offset >= acknowledged, offset <= sent else { return false }
        acknowledged = offset
        return true
    }

    /// Reads what there is, as far as the client has room for it.
    ///
    /// - Returns: how many bytes are in `buffer`; 0 when there is nothing now, or the end has come (``isOpen``).
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let limit = min(room, buffer.count)
        var total = 0
        while isOpen, total < limit {
            do throws(SystemError) {
                let count = try Transfer.read(
                    descriptor, into: UnsafeMutableRawBufferPointer(rebasing: buffer[total..<limit]))
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
        sent += UInt64(total)
        return total
    }
}
