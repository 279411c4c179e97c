// SPDX-License-Identifier: Apache-2.0
// SECURITY: who has not proved a key and made a request gets little: a count per address, a few seconds, and
// no thread of ours.

import Glibc
import Posix

/// An HTTPS server in a loop. Its peers are known by their keys; its handler decides what they may do.
package final class HTTPServer: @unchecked Sendable {  // what changes is touched on the loop's thread only
    let loop: EventLoop
    let context: TLSContext
    let handler: any HTTPHandler
    let limits: TransportLimits

    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: HTTPServerConnection] = [:]
    private var sockets: [ObjectIdentifier: LoopWebSocket] = [:]
    /// Connections that have made no request yet, by address.
    private var unused: [String: Int] = [:]
    private var isClosed = false

    package init(
        _ loop: EventLoop, context: TLSContext, handler: any HTTPHandler, limits: TransportLimits = TransportLimits()
    ) {
        self.loop = loop
        self.context = context
        self.handler = handler
        self.limits = limits
    }

    /// Listens; connections are taken as soon as the loop runs. From any thread.
    ///
    /// - Returns: where it listens: port 0 becomes a free one.
    package func listen(_ endpoint: Endpoint) throws(TransportError) -> Endpoint {
        let (descriptor, bound) = try Socket.listen(on: endpoint)
        let listener = Listener(descriptor, of: self)
        loop.submit { [self] in
            guard !isClosed, loop.add(listener, descriptor, for: .input) else { return }
            listeners.append(listener)
        }
        return bound
    }

    /// Stops listening and closes all connections, also those that became WebSockets and are still in the loop.
    /// From any thread.
    package func close() {
        loop.submit { [self] in
            isClosed = true
            for listener in listeners { loop.remove(listener.descriptor) }
            listeners = []
            for connection in connections.values { connection.close() }
            for socket in sockets.values { socket.abandon() }
        }
    }

    // The loop's thread only, from here on

    func take(_ descriptor: Int32, from source: String) {
        guard unused[source, default: 0] < limits.unusedPerSource else {
            _ = Glibc.close(descriptor)
            return
        }
        do {
            let connection = HTTPServerConnection(try TLSConnection(context, adopting: descriptor), from: source, of: self)
            unused[source, default: 0] += 1
            connections[ObjectIdentifier(connection)] = connection
            connection.start()
        } catch {
            // Out of memory for one more connection: the descriptor is closed, its peer will try again.
        }
    }

    func forget(_ connection: HTTPServerConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        if connection.isNew { release(connection.source) }
    }

    func keep(_ socket: LoopWebSocket) { sockets[ObjectIdentifier(socket)] = socket }
    func forget(_ socket: LoopWebSocket) { sockets[ObjectIdentifier(socket)] = nil }

    /// One connection of the address has made its first request, or ended before.
    func release(_ source: String) {
        let left = unused[source, default: 1] - 1
        unused[source] = left > 0 ? left : nil
    }
}

/// A listening socket, with a spare descriptor for the moment when there are no others.
private final class Listener: EventSource, @unchecked Sendable {  // the loop's thread only
    let descriptor: Int32
    private weak var server: HTTPServer?
    private var spare = Listener.openSpare()

    init(_ descriptor: Int32, of server: HTTPServer) {
        self.descriptor = descriptor
        self.server = server
    }

    deinit {
        _ = close(descriptor)
        if spare >= 0 { _ = close(spare) }
    }

    func ready(_ events: EventLoop.Events) {
        // A bounded number, so that a flood of connections does not starve those that are there.
        for _ in 0..<64 {
            switch Socket.accept(from: descriptor) {
            case .connection(let accepted, let address):
                guard let server else {
                    _ = close(accepted)
                    return
                }
                server.take(accepted, from: address)
            case .none: return
            case .exhausted: return shed()
            }
        }
    }

    /// Out of descriptors: takes the newest connection with the spare one and drops it. Left in the queue, it
    /// would wake the loop for ever.
    private func shed() {
        guard spare >= 0 else { return }
        _ = close(spare)
        if case .connection(let accepted, _) = Socket.accept(from: descriptor) { _ = close(accepted) }
        spare = Self.openSpare()
    }

    private static func openSpare() -> Int32 { open("/dev/null", O_RDONLY | O_CLOEXEC) }
}
