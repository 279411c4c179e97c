// SPDX-License-Identifier: Apache-2.0
// SECURITY: a message is whole or refused, and descriptors come only to who asked for them.
import CLinux
import Glibc

/// One end of a connection between two processes of ours, over which messages come as they were sent (unix(7),
/// SOCK_SEQPACKET). Nothing here waits; poll ``number``.
package final class MessageSocket: Sendable {
    package enum Received: Sendable {
        case message([UInt8])
        /// Nothing has come.
        case none
        /// The other end is gone. An empty message counts as that.
        case ended
        /// Longer than was asked for; it is lost.
        case tooLong(Int)
        /// It came with descriptors, which nobody asked for; they were not taken.
        case withDescriptors
    }

    private let socket: OwnedDescriptor

    package var number: Int32 { socket.number }

    private init(_ number: Int32) { socket = OwnedDescriptor(owning: number) }

    /// Two ends of one connection.
    package static func pair() throws(SystemError) -> (MessageSocket, MessageSocket) {
        var ends: [Int32] = [-1, -1]
        try check("socketpair") { stint_message_pair(&ends) }
        return (MessageSocket(ends[0]), MessageSocket(ends[1]))
    }

    /// The end that this process was started with, as descriptor `number`.
    package static func inherited(_ number: Int32) -> MessageSocket { MessageSocket(number) }

    /// The same end at another number too; what was there is closed.
    package func copy(to number: Int32) throws(SystemError) -> MessageSocket {
        precondition(number != self.number, "a descriptor has one owner")
        return MessageSocket(try check("dup3") { stint_duplicate_to(socket.number, number) })
    }

    /// Sends one message.
    ///
    /// - Parameter descriptors: the other end gets them too; at most four.
    /// - Throws: `system.eagain` when the other end does not listen, `system.epipe` when it is gone.
    package func send(_ message: [UInt8], with descriptors: [Int32] = []) throws(SystemError) {
        precondition(descriptors.count <= Int(stint_most_descriptors), "too many descriptors for a message")
        try check("sendmsg") {
            stint_send_message(socket.number, message, message.count, descriptors, Int32(descriptors.count))
        }
    }

    /// Takes the next message, which must not bring descriptors.
    ///
    /// - Parameter maximum: the most bytes that it may have.
    package func receive(maximum: Int) throws(SystemError) -> Received {
        var count: Int32 = 0
        return try receive(maximum: maximum, nil, &count)
    }

    /// Takes the next message with what descriptors it brings, of any length: for an end that trusts the other one.
    package func receiveAll() throws(SystemError) -> (Received, [OwnedNumber]) {
        let length = stint_next_message_length(socket.number)
        var descriptors = [Int32](repeating: -1, count: Int(stint_most_descriptors))
        var count: Int32 = 0
        let received = try receive(maximum: max(0, length), &descriptors, &count)
        return (received, descriptors.prefix(Int(max(0, count))).map { OwnedNumber($0) })
    }

    private func receive(
        maximum: Int, _ descriptors: UnsafeMutablePointer<Int32>?, _ count: inout Int32
    ) throws(SystemError) -> Received {
        var result = -1
        var number: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: maximum) { buffer, filled in
            repeat {
                result = stint_receive_message(socket.number, buffer.baseAddress, maximum, descriptors, &count)
                number = errno
            } while result < 0 && number == EINTR
            filled = min(max(0, result), maximum)
        }
        guard result >= 0 else {
            if number == EAGAIN { return .none }
            if number == ECONNRESET { return .ended }
            throw SystemError(call: "recvmsg", errno: number)
        }
        if count < 0 { return .withDescriptors }
        if result == 0 { return .ended }
        return result > maximum ? .tooLong(result) : .message(bytes)
    }

    /// A descriptor that came with a message, until nobody holds it any more.
    package final class OwnedNumber: Sendable {
        private let descriptor: OwnedDescriptor
        package var number: Int32 { descriptor.number }

        fileprivate init(_ number: Int32) { descriptor = OwnedDescriptor(owning: number) }

        /// The same open file at another number; what was there is closed.
        package func put(at number: Int32) throws(SystemError) {
            guard dup2(descriptor.number, number) == number else { throw SystemError(call: "dup2", errno: errno) }
        }

        /// The same, for as long as the process lives, whoever holds this value.
        package func keep(at number: Int32) throws(SystemError) {
            _ = Unmanaged.passRetained(self)  // it may be that number already, and must not be closed when this value goes
            try put(at: number)
        }

        package func duplicate() throws(SystemError) -> OwnedDescriptor { try descriptor.duplicate() }

        package func readToEnd(maximum: Int) throws(SystemError) -> [UInt8] { try descriptor.readToEnd(maximum: maximum) }
    }
}
