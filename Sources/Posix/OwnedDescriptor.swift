// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A descriptor with one owner, closed exactly once. Every descriptor made here is close-on-exec.
package struct OwnedDescriptor: ~Copyable, Sendable {
    /// Valid while the owner lives; for `poll`, and for calls that this type does not wrap.
    package let number: Int32

    /// Takes over a descriptor that nobody else will close.
    package init(owning number: Int32) {
        precondition(number >= 0, "a descriptor is not negative")
        self.number = number
    }

    deinit { _ = Glibc.close(number) }

    /// Closes and reports what `deinit` would have to swallow.
    package consuming func close() throws(SystemError) {
        let number = number
        discard self
        // Linux frees the number even when it reports EINTR, so the call is never repeated (close(2)).
        guard Glibc.close(number) == 0 || errno == EINTR else { throw SystemError(call: "close", errno: errno) }
    }

    /// Gives the descriptor away: the caller closes it.
    package consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    /// Another descriptor for the same open file.
    package func duplicate() throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(owning: try check("dup") { stint_duplicate(number, 3) })
    }
}

extension OwnedDescriptor {
    /// Makes reads and writes return at once. It is a property of the open file: never set it on what we share
    /// with others, such as the terminal of the user.
    package func setNonBlocking(_ on: Bool = true) throws(SystemError) {
        let flags = try check("fcntl") { stint_get_flags(number) }
        let changed = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
        try check("fcntl") { stint_set_flags(number, changed) }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try Transfer.read(number, into: buffer)
    }

    package func read(maximum: Int) throws(SystemError) -> [UInt8] { try Transfer.read(number, maximum: maximum) }

    /// Reads to the end.
    ///
    /// - Throws: `system.too-large` when there are more than `maximum` bytes.
    package func readToEnd(maximum: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try read(maximum: min(64 * 1024, maximum - bytes.count + 1))
            if piece.isEmpty { return bytes }
            bytes += piece
            guard bytes.count <= maximum else {
                throw SystemError(.tooLarge(limit: maximum), in: "read", about: "The input")
            }
        }
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int {
        try Transfer.write(number, bytes)
    }

    package func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) { try Transfer.writeAll(number, bytes) }
    package func writeAll(_ bytes: [UInt8]) throws(SystemError) { try Transfer.writeAll(number, bytes) }
}

/// What is written to `writer` is read from `reader`.
package struct Pipe: ~Copyable, Sendable {
    package let reader: OwnedDescriptor
    package let writer: OwnedDescriptor

    package init() throws(SystemError) {
        var numbers: (Int32, Int32) = (-1, -1)
        try check("pipe2") {
            withUnsafeMutableBytes(of: &numbers) {
                pipe2($0.assumingMemoryBound(to: Int32.self).baseAddress!, O_CLOEXEC)
            }
        }
        reader = OwnedDescriptor(owning: numbers.0)
        writer = OwnedDescriptor(owning: numbers.1)
    }

    /// Lets the user open either end once more, as `/dev/stdout` and `/dev/fd/3` do; needs root unless that is us.
    package func give(to owner: User) throws(SystemError) {
        try check("fchown") { fchown(reader.number, owner.uid, owner.gid) }  // both ends have the one inode
    }

    /// Lets more be on its way, for fewer turns. Where the kernel gives less, it is as it was.
    package func widen(to size: Int32) { _ = stint_set_pipe_size(writer.number, size) }

    /// Both ends by number; the caller closes them.
    package consuming func release() -> (reader: Int32, writer: Int32) {
        var numbers: (reader: Int32, writer: Int32) = (-1, -1)
        take { numbers = ($0.release(), $1.release()) }
        return numbers
    }

    /// Gives both ends away.
    package consuming func take(_ body: (consuming OwnedDescriptor, consuming OwnedDescriptor) -> Void) {
        body(reader, writer)
    }
}

/// Two connected stream sockets of the Unix family.
package struct SocketPair: ~Copyable, Sendable {
    package let first: OwnedDescriptor
    package let second: OwnedDescriptor

    package init() throws(SystemError) {
        var numbers: (Int32, Int32) = (-1, -1)
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        try check("socketpair") {
            withUnsafeMutableBytes(of: &numbers) {
                socketpair(AF_UNIX, type, 0, $0.assumingMemoryBound(to: Int32.self).baseAddress!)
            }
        }
        first = OwnedDescriptor(owning: numbers.0)
        second = OwnedDescriptor(owning: numbers.1)
    }
}
