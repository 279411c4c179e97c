// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix
import Transport

/// One connection at one end of a session that forwards: a socket, or the two streams of a program.
final class CarriedConnection {
    enum State {
        /// Being connected; with the addresses that are left to try.
        case dialling([SocketAddress])
        case connected
    }

    let id: UInt32
    var state: State
    private(set) var input: Int32
    private(set) var output: Int32
    private let isSocket: Bool
    /// For the program at our end.
    var waiting = ByteQueue()
    /// Bytes that the other end may still send.
    private(set) var mayReceive = CarriageFrame.window
    /// Bytes that we may still send.
    private(set) var maySend = CarriageFrame.window
    /// Bytes that were handed on and not yet given credit for.
    private var handedOn = 0
    private(set) var sent = 0
    private(set) var received = 0
    /// Our end has said that it has no more.
    var hasSentEnd = false
    /// The other end has said so.
    var hasReceivedEnd = false
    private var isShut = false

    /// Of a pipe that is not ours to make non-blocking: so many bytes go without waiting where poll(2) says that some do.
    private static let pipePiece = 4096

    /// Over a socket, which it owns from now on.
    init(_ id: UInt32, socket: Int32, _ state: State) {
        (self.id, self.state, input, output, isSocket) = (id, state, socket, socket, true)
    }

    /// Over two streams of this process, which stay its owner's.
    init(_ id: UInt32, input: Int32, output: Int32) {
        (self.id, state, self.input, self.output, isSocket) = (id, .connected, input, output, false)
    }

    deinit { if isSocket, input >= 0 { _ = close(input) } }

    var isConnected: Bool { if case .connected = state { true } else { false } }
    var wantsInput: Bool { isConnected && !hasSentEnd && maySend > 0 }
    var wantsOutput: Bool { !isConnected || !waiting.isEmpty }
    /// Whether both ends have said all, and it was handed on.
    var isOver: Bool { hasSentEnd && hasReceivedEnd && waiting.isEmpty }

    /// Goes on with another address.
    func replace(socket: Int32, _ state: State) {
        if input >= 0 { _ = close(input) }
        (input, output, self.state) = (socket, socket, state)
    }

    /// Reads what the program at our end has, into `buffer`. 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        let count = try Transfer.read(input, into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(maySend)))
        maySend -= count
        sent += count
        return count
    }

    /// - Throws: where the other end sends more than it may.
    func take(_ bytes: UnsafeRawBufferPointer) throws(CarriageError) {
        guard !hasReceivedEnd else { throw .protocolBroken("data after their end") }
        guard bytes.count <= mayReceive else { throw .protocolBroken("more data than it had credit for") }
        mayReceive -= bytes.count
        received += bytes.count
        waiting.append(bytes)
    }

    func give(_ credit: Int) throws(CarriageError) {
        guard credit <= CarriageFrame.window - maySend else { throw .protocolBroken("more credit than a window has") }
        maySend += credit
    }

    /// Hands on what goes without waiting, and the end after it.
    ///
    /// - Parameter isReady: poll(2) has said that there is room.
    func flush(isReady: Bool) throws(SystemError) {
        guard isConnected else { return }
        while !waiting.isEmpty, isSocket || isReady {
            let bytes = UnsafeRawBufferPointer(waiting.readable)
            do throws(SystemError) {
                let count = isSocket
                    ? try Transfer.write(output, bytes)
                    : try Transfer.write(output, UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.pipePiece)))
                waiting.consume(count)
                handedOn += count
            } catch {
                guard error.wouldBlock else { throw error }
                return
            }
            if !isSocket { break }
        }
        if waiting.isEmpty { waiting.releaseIfEmpty() }
        if hasReceivedEnd, waiting.isEmpty, !isShut {
            isShut = true
            // A peer that is gone does not need the end any more, and its own is about to be read.
            if isSocket { _ = shutdown(output, Int32(SHUT_WR)) }
        }
    }

    /// Credit that is worth a frame; 0 where there is none.
    func creditToGive() -> Int {
        guard handedOn >= CarriageFrame.window / 2 else { return 0 }
        defer { handedOn = 0 }
        mayReceive += handedOn
        return handedOn
    }

    /// Tells the program at our end that this is no orderly end.
    func breakOff() { if isSocket { Socket.breakOff(input) } }
}
