// SPDX-License-Identifier: Apache-2.0
// SECURITY: the other end may be anybody's. What it may not send ends everything; what it may send is bounded: connections,
// and bytes that wait for each of them.

import Access
import Glibc
import Posix
import Transport

/// Carries connections through the input and output of a session, at either end of it, on the thread that runs it.
package final class Carrier {
    /// Where connections come from or go to.
    private enum Role {
        case door(LocalDoor)
        case dialler(DestinationDialler)
        /// One connection, of this program's own streams.
        case streams(input: Int32, output: Int32)
    }

    /// For people: what became of connections.
    package typealias Say = @Sendable (String) -> Void

    /// At one time. A browser opens tens.
    static let maximumConnections = 128
    private static let piece = CarriageFrame.maximumData
    /// Sockets are not read further while this much waits for the session.
    private static let outgoingLimit = 256 * 1024

    private let input: Int32
    private let output: Int32
    private let role: Role
    private let say: Say
    private var reader = CarriageReader()
    private var outgoing = ByteQueue()
    /// In the order of their numbers.
    private var connections: [CarriedConnection] = []
    private var lastID: UInt32 = 0
    private var hasLink = true
    private var refusal: String?

    private init(_ input: Int32, _ output: Int32, _ role: Role, _ say: @escaping Say) {
        (self.input, self.output, self.role, self.say) = (input, output, role, say)
    }

    /// The node's end: dials the destination for every connection that the client opens.
    ///
    /// - Parameters:
    ///   - input: of the session. Both are non-blocking from now on.
    package static func dialling(_ dialler: DestinationDialler, from input: Int32, to output: Int32, say: @escaping Say) -> Carrier {
        Carrier(input, output, .dialler(dialler), say)
    }

    /// The client's end: opens a connection for everybody who comes through the door.
    package static func opening(_ door: LocalDoor, from input: Int32, to output: Int32, say: @escaping Say) -> Carrier {
        Carrier(input, output, .door(door), say)
    }

    /// The client's end: one connection, of two streams.
    package static func joining(
        _ streams: (input: Int32, output: Int32), from input: Int32, to output: Int32, say: @escaping Say
    ) -> Carrier {
        Carrier(input, output, .streams(input: streams.input, output: streams.output), say)
    }

    /// Runs until the session's input ends, or the one connection of ``joining(_:from:to:say:)`` is over.
    ///
    /// - Returns: why that one connection was refused; `nil` where it was not.
    /// - Throws: ``CarriageError/protocolBroken(_:)``, or what the system says about the session's streams.
    package func run() throws(CarriageError) -> String? {
        do throws(SystemError) {
            for number in [input, output] { try Transfer.setNonBlocking(number) }
        } catch {
            throw .system(error)
        }
        if case .streams(let input, let output) = role { open(CarriedConnection(1, input: input, output: output)) }
        while hasLink, !isDone { try turn() }
        try finish()
        return refusal
    }

    private var isDone: Bool { if case .streams = role { connections.isEmpty } else { false } }

    /// What is still to be said is said, as far as somebody listens.
    private func finish() throws(CarriageError) {
        while hasLink, !outgoing.isEmpty { try turn() }
    }

    // MARK: One turn

    private func turn() throws(CarriageError) {
        var entries = [PollEntry(input, .input), PollEntry(outgoing.isEmpty ? -1 : output, .output), PollEntry(doorNumber, .input)]
        let hasRoom = outgoing.count < Self.outgoingLimit
        for connection in connections {
            entries.append(PollEntry(hasRoom && connection.wantsInput ? connection.input : -1, .input))
            entries.append(PollEntry(connection.wantsOutput ? connection.output : -1, .output))
        }
        let watched = connections
        do throws(SystemError) { _ = try Poll.wait(&entries, timeout: nil) } catch { throw .system(error) }
        if entries[0].isReadable { try receive() }
        for (index, connection) in watched.enumerated() where connections.contains(where: { $0 === connection }) {
            let (readable, writable) = (entries[3 + 2 * index], entries[4 + 2 * index])
            if !connection.isConnected {
                if !writable.found.isEmpty { finishDialling(connection) }
                continue
            }
            attempt(on: connection) { () throws(SystemError) in
                if !writable.found.isEmpty { try connection.flush(isReady: true) }
                if readable.isReadable { try read(connection) }
            }
        }
        if entries[2].isReadable { visit() }
        try flush()
    }

    private var doorNumber: Int32 {
        guard case .door(let door) = role, connections.count < Self.maximumConnections else { return -1 }
        return door.number
    }

    private func flush() throws(CarriageError) {
        guard hasLink else { return }
        while !outgoing.isEmpty {
            do throws(SystemError) {
                outgoing.consume(try Transfer.write(output, UnsafeRawBufferPointer(outgoing.readable)))
            } catch {
                if error.wouldBlock { return }
                guard error.errno == EPIPE else { throw .system(error) }
                hasLink = false
                return
            }
        }
    }

    private func send(_ kind: CarriageFrame.Kind, _ id: UInt32, _ number: Int = 0) {
        outgoing.append(CarriageFrame.header(kind, id, number))
    }

    // MARK: Our end

    private func visit() {
        guard case .door(let door) = role else { return }
        switch door.visit() {
        case .connection(let descriptor):
            guard lastID < UInt32.max else { return say("no more connections can be numbered") }
            open(CarriedConnection(lastID + 1, socket: descriptor, .connected))
        case .stranger(let user):
            say("a process of \(user.map { "user \($0)" } ?? "nobody we know") wanted in, and was sent away")
        case .none: break
        }
    }

    private func open(_ connection: CarriedConnection) {
        lastID = connection.id
        connections.append(connection)
        send(.open, connection.id)
    }

    private func read(_ connection: CarriedConnection) throws(SystemError) {
        let header = CarriageFrame.headerLength
        let space = outgoing.reserve(header + Self.piece)
        let count: Int
        do throws(SystemError) {
            count = try connection.read(into: UnsafeMutableRawBufferPointer(rebasing: space[header..<header + Self.piece]))
        } catch {
            if error.wouldBlock { return }
            throw error
        }
        guard count > 0 else {
            connection.hasSentEnd = true
            send(.end, connection.id)
            return removeIfOver(connection)
        }
        UnsafeMutableRawBufferPointer(rebasing: space[..<header]).copyBytes(from: CarriageFrame.header(.data, connection.id, count))
        outgoing.commit(header + count)
    }

    /// What goes wrong with one connection is the end of that one.
    private func attempt(on connection: CarriedConnection, _ work: () throws(SystemError) -> Void) {
        do throws(SystemError) {
            try work()
            let credit = connection.creditToGive()
            if credit > 0, !connection.hasReceivedEnd { send(.credit, connection.id, credit) }
            removeIfOver(connection)
        } catch {
            send(.reset, connection.id)
            connection.breakOff()
            remove(connection, "broke off (\(error.message))")
        }
    }

    private func removeIfOver(_ connection: CarriedConnection) {
        if connection.isOver { remove(connection, "is over") }
    }

    private func remove(_ connection: CarriedConnection, _ why: String) {
        guard let index = connections.firstIndex(where: { $0 === connection }) else { return }
        connections.remove(at: index)
        guard case .dialler = role else { return }
        say("connection \(connection.id) \(why): \(connection.received) bytes there, \(connection.sent) bytes back")
    }

    // MARK: The destination

    private func dial(_ id: UInt32, _ addresses: [SocketAddress], instead connection: CarriedConnection? = nil, because: String) {
        var rest = addresses[...]
        var reason = because
        while let address = rest.popFirst() {
            do throws(TransportError) {
                let socket = try Socket.beginConnecting(to: address)
                if let connection {
                    connection.replace(socket: socket, .dialling(Array(rest)))
                } else {
                    connections.append(CarriedConnection(id, socket: socket, .dialling(Array(rest))))
                }
                return
            } catch {
                reason = error.message
            }
        }
        if let connection { connections.removeAll { $0 === connection } }
        refuse(id, reason)
    }

    private func refuse(_ id: UInt32, _ reason: String) {
        var text = Array(reason.utf8.prefix(CarriageFrame.maximumText))
        while String(validating: text, as: UTF8.self) == nil { text.removeLast() }
        send(.refused, id, text.count)
        outgoing.append(text)
        say("connection \(id) was refused: \(reason)")
    }

    private func finishDialling(_ connection: CarriedConnection) {
        guard case .dialling(let rest) = connection.state, case .dialler(let dialler) = role else { return }
        do throws(SystemError) {
            try Socket.finishConnecting(connection.input)
        } catch {
            return dial(connection.id, rest, instead: connection, because: error.message)
        }
        connection.state = .connected
        send(.opened, connection.id)
        say("connection \(connection.id) to \(dialler.destination)")
        attempt(on: connection) { () throws(SystemError) in try connection.flush(isReady: false) }
    }

    // MARK: The other end

    private func receive() throws(CarriageError) {
        let space = reader.reserve(2 * Self.piece)
        do throws(SystemError) {
            let count = try Transfer.read(input, into: space)
            guard count > 0 else {
                hasLink = false
                return
            }
            reader.commit(count)
        } catch {
            if error.wouldBlock { return }
            throw .system(error)
        }
        while let frame = try reader.next() { try handle(frame) }
    }

    private func handle(_ frame: CarriageFrame) throws(CarriageError) {
        switch frame {
        case .open(let id): try handleOpen(id)
        case .opened(let id):
            try mustBeClient()
            _ = try find(id)
        case .refused(let id, let reason):
            try mustBeClient()
            guard let connection = try find(id) else { return }
            connection.breakOff()
            remove(connection, "")
            refusal = reason
        case .data(let id, let bytes):
            guard let connection = try find(id) else { return }
            try connection.take(bytes)
            attempt(on: connection) { () throws(SystemError) in try connection.flush(isReady: false) }
        case .end(let id):
            guard let connection = try find(id) else { return }
            connection.hasReceivedEnd = true
            attempt(on: connection) { () throws(SystemError) in try connection.flush(isReady: false) }
        case .reset(let id):
            guard let connection = try find(id) else { return }
            connection.breakOff()
            remove(connection, "was broken off by the other end")
        case .credit(let id, let count): try find(id)?.give(count)
        }
    }

    private func handleOpen(_ id: UInt32) throws(CarriageError) {
        guard case .dialler(let dialler) = role, id > lastID else { throw .protocolBroken("a connection that it may not open") }
        lastID = id
        guard connections.count < Self.maximumConnections else {
            return refuse(id, "there are \(Self.maximumConnections) connections already")
        }
        dial(id, dialler.addresses, because: "")
    }

    private func mustBeClient() throws(CarriageError) {
        if case .dialler = role { throw .protocolBroken("an answer to nothing") }
    }

    /// - Returns: `nil` for one that is over here, of which the other end does not know yet.
    private func find(_ id: UInt32) throws(CarriageError) -> CarriedConnection? {
        guard id > 0, id <= lastID else { throw .protocolBroken("something about a connection that was never opened") }
        return connections.first { $0.id == id }
    }
}
