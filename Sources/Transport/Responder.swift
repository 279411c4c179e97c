// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a server does with a request.
package protocol HTTPHandler: Sendable {
    /// Called on the loop's thread and must not block. The responder answers once, now or later, from any thread.
    func handle(_ request: HTTPRequest, from peer: Peer, _ responder: Responder)
}

/// Answers one request. The first answer counts; a responder that is dropped without one answers 500.
package final class Responder: Sendable {
    private let connection: HTTPServerConnection
    private let loop: EventLoop
    private let isAnswered = Atomic(false)
    private let isLast = Atomic(false)

    init(_ connection: HTTPServerConnection, _ loop: EventLoop) {
        self.connection = connection
        self.loop = loop
    }

    deinit { respond(.problem(500, "http.no-answer", "The request was dropped without an answer.")) }

    package func respond(_ response: HTTPResponse) {
        guard isFirst() else { return }
        let isLast = isLast.load(ordering: .relaxed)
        loop.submit { [connection] in connection.complete(response, isLast: isLast) }
    }

    /// The connection ends with the answer: for a peer that shall not hold one.
    package func endConnection() { isLast.store(true, ordering: .relaxed) }

    /// Switches the connection to WebSocket. A request that does not ask for that correctly gets an error answer.
    ///
    /// - Parameter accepted: called on the loop's thread, before the first message is looked at.
    package func upgrade(_ accepted: @escaping @Sendable (LoopWebSocket) -> Void) {
        guard isFirst() else { return }
        loop.submit { [connection] in connection.upgrade(accepted) }
    }

    private func isFirst() -> Bool { !isAnswered.exchange(true, ordering: .acquiringAndReleasing) }
}
