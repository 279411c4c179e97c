// SPDX-License-Identifier: Apache-2.0
// SECURITY: a request leaves only after the server has proved the pinned key.

import Glibc
import Posix

/// An HTTPS client for one server, used by one thread. Its calls wait, each until the client's timeout at most.
package final class HTTPClient {
    private let endpoint: Endpoint
    private let context: TLSContext
    private let limits: TransportLimits
    private let parser: HTTPParser
    /// For each call as a whole.
    package var timeout: Duration
    private var connection: TLSConnection?
    private var incoming = ByteQueue()
    private var outgoing = ByteQueue()

    package init(
        _ endpoint: Endpoint, context: TLSContext, timeout: Duration = .seconds(10),
        limits: TransportLimits = TransportLimits()
    ) {
        self.endpoint = endpoint
        self.context = context
        self.timeout = timeout
        self.limits = limits
        parser = HTTPParser(limits: limits)
    }

    deinit { close() }

    /// Connects if it is not connected. ``send(_:)`` and ``upgrade(path:query:headers:)`` do that by themselves.
    ///
    /// Whether the server accepts *our* key shows at the first answer only (TLS 1.3).
    package func connect() throws(TransportError) { try connect(before: .now + timeout) }

    /// Sends a request and waits for its response, over the open connection if the server kept it.
    package func send(_ request: HTTPRequest) throws(TransportError) -> HTTPResponse {
        let deadline = BootInstant.now + timeout
        dropStaleConnection()
        try connect(before: deadline)
        do throws(TransportError) {
            let response = try exchange(request, before: deadline)
            if response.headers.contains("close", in: "Connection") { close() }
            return response
        } catch {
            close()  // what may still come would be taken for the answer to the next request
            throw error
        }
    }

    /// Opens a WebSocket. The stream owns the connection; the client connects anew when it is used again.
    ///
    /// - Throws: ``TransportError/upgradeRefused(_:)`` with the server's response.
    package func upgrade(
        path: String, query: [(name: String, value: String)] = [], headers: HTTPHeaders = [:]
    ) throws(TransportError) -> WebSocketStream {
        let key = try WebSocketHandshake.makeKey()
        var request = HTTPRequest(path: path, query: query, headers: headers)
        for (name, value) in WebSocketHandshake.headers(key: key).fields { request.headers[name] = value }
        let response = try send(request)
        guard let connection, WebSocketHandshake.isAccepted(response, key: key) else {
            close()
            throw .upgradeRefused(response)
        }
        let server = Peer(key: connection.peerKey, address: endpoint.host)
        let stream = WebSocketStream(
            connection, role: .client, peer: server, limits: limits, received: UnsafeRawBufferPointer(incoming.readable))
        incoming.consume(incoming.count)
        self.connection = nil
        return stream
    }

    package func close() {
        connection?.closeNotify()
        connection?.close()
        connection = nil
        incoming.consume(incoming.count)
        outgoing.consume(outgoing.count)
    }

    private func connect(before deadline: BootInstant) throws(TransportError) {
        guard connection == nil else { return }
        let descriptor = try Socket.connect(to: endpoint, before: deadline)
        let connection = try TLSConnection(context, adopting: descriptor)
        while true {
            switch try connection.handshake() {
            case .done:
                self.connection = connection
                return
            case .wantsRead: try wait(connection, POLLIN, before: deadline, "setting up the connection to \(endpoint)")
            case .wantsWrite: try wait(connection, POLLOUT, before: deadline, "setting up the connection to \(endpoint)")
            }
        }
    }

    /// A connection the server closed while it was idle is replaced before the request, not after: a request
    /// that may have arrived must not be sent twice.
    private func dropStaleConnection() {
        guard let connection else { return }
        let outcome = try? connection.read(into: incoming.reserve(1))  // an error is as good as an end here
        if outcome != .wouldBlock { close() }
    }

    private func exchange(
        _ request: HTTPRequest, before deadline: BootInstant
    ) throws(TransportError) -> HTTPResponse {
        guard let connection else { throw .closed }
        HTTPWriter.append(request, to: endpoint, into: &outgoing)
        while !outgoing.isEmpty {
            switch try connection.write(UnsafeRawBufferPointer(outgoing.readable)) {
            case .bytes(let count): outgoing.consume(count)
            case .wouldBlock: try wait(connection, POLLOUT, before: deadline, "sending a request to \(endpoint)")
            }
        }
        outgoing.releaseIfEmpty()
        var head: HTTPParser.ResponseHead?
        while true {
            if head == nil { head = try responseHead(to: request.method) }
            if let head, incoming.count >= head.bodyLength {
                var response = head.response
                response.body = Array(incoming.readable.prefix(head.bodyLength))
                incoming.consume(head.bodyLength)
                return response
            }
            switch try connection.read(into: incoming.reserve(16 * 1024)) {
            case .bytes(let count): incoming.commit(count)
            case .wouldBlock: try wait(connection, POLLIN, before: deadline, "waiting for the answer of \(endpoint)")
            case .end: throw head == nil && incoming.isEmpty ? .closed : .truncated
            }
        }
    }

    private func responseHead(to method: String) throws(TransportError) -> HTTPParser.ResponseHead? {
        do throws(HTTPError) {
            let head = try parser.responseHead(in: UnsafeRawBufferPointer(incoming.readable), to: method)
            if let head { incoming.consume(head.byteCount) }
            return head
        } catch {
            throw .malformed(error)
        }
    }

    private func wait(
        _ connection: TLSConnection, _ events: Int32, before deadline: BootInstant, _ what: String
    ) throws(TransportError) {
        guard Socket.wait(connection.descriptor, for: events, before: deadline) else { throw .timedOut(doing: what) }
    }
}
