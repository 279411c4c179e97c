// SPDX-License-Identifier: Apache-2.0
// SECURITY: what is typed here is neither shown nor kept: the bytes go to `take`, and the buffer is wiped.
import Glibc
package import Posix

/// Asks the person at the terminal for something that must not be seen.
package enum HiddenInput {
    package static let maximumBytes = 1024

    /// Asks on /dev/tty, so that neither a pipe nor a file answers.
    ///
    /// - Parameter take: gets what was typed, without the return.
    /// - Returns: what `take` returns; nil where there is no terminal, or the person pressed Ctrl-C or Ctrl-D.
    package static func ask<Value: ~Copyable>(
        _ prompt: String, _ take: (UnsafeRawBufferPointer) -> Value
    ) throws(SystemError) -> Value? {
        guard let terminal = ControllingTerminal.open() else { return nil }
        let raw = try RawMode(terminal.number)
        try Transfer.writeAll(terminal.number, Array(prompt.utf8))
        let typed = UnsafeMutableRawBufferPointer.allocate(byteCount: maximumBytes, alignment: 1)
        defer {
            if let start = typed.baseAddress { explicit_bzero(start, typed.count) }
            typed.deallocate()
        }
        let count = try read(terminal.number, into: typed)
        try Transfer.writeAll(terminal.number, Array("\r\n".utf8))
        try raw.restore()
        guard let count else { return nil }
        return take(UnsafeRawBufferPointer(rebasing: typed[..<count]))
    }

    /// - Returns: how many bytes were typed; nil where the person gave up.
    private static func read(_ terminal: Int32, into typed: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        var count = 0
        while true {
            var key: UInt8 = 0
            let isRead = try withUnsafeMutableBytes(of: &key) { (one: UnsafeMutableRawBufferPointer) throws(SystemError) in
                try Transfer.read(terminal, into: one)
            }
            guard isRead > 0 else { return nil }
            switch key {
            case 0x0A, 0x0D: return count
            case 0x03, 0x04: return nil
            case 0x08, 0x7F:  // a character of UTF-8 goes as a whole
                while count > 0 {
                    count -= 1
                    if typed[count] & 0xC0 != 0x80 { break }
                }
            case 0x15: count = 0
            default:
                guard count < typed.count else { continue }
                typed[count] = key
                count += 1
            }
        }
    }
}
