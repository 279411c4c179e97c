// SPDX-License-Identifier: Apache-2.0
// SECURITY: talks to the pinned broker only. What it answers is news, never authority: signatures are checked by the
// caller, against its own roll.

package import Access
package import Evidence
import Protocol
package import StrictJSON
package import Transport

/// The broker's API, as this operator sees it. Owned by one thread; calls wait.
package final class BrokerClient {
    private let http: HTTPClient

    /// How long an answer may take, beside what the broker holds it back for.
    package var answerTime: Duration = .seconds(15)
    /// Lists carry up to 1000 objects with their signed bytes.
    private static let limits = JSONLimits(bytes: 64 * 1024 * 1024)

    /// - Parameters:
    ///   - endpoint: `HOST:PORT`.
    ///   - pin: the key that the broker must show.
    package init(_ endpoint: String, pin: PublicKey, as key: DeviceKey) throws(TransportError) {
        let context = try TLSContext(clientWith: key.identity, expecting: pin.bytes)
        http = HTTPClient(try Endpoint(endpoint), context: context, timeout: .seconds(15))
    }

    /// Connects, where it is not connected: the first question goes out at once then.
    func connect() throws(TransportError) {
        http.timeout = answerTime
        try http.connect()
    }

    /// - Parameter wait: how long the broker may hold the answer back (a long poll).
    package func get(
        _ path: String, _ query: [(name: String, value: String)] = [], wait: Duration = .zero
    ) throws -> JSONValue {
        http.timeout = answerTime + wait
        return try Self.json(try send(HTTPRequest(path: path, query: query)))
    }

    /// Hands in a signed statement. The same bytes again are the same act.
    package func post(_ path: String, _ statement: SignedText) throws -> JSONValue { try post(path, statement.json) }

    /// The same, for a statement with something beside it.
    package func post(_ path: String, _ body: JSONValue) throws -> JSONValue {
        let request = HTTPRequest(
            method: "POST", path: path, headers: ["Content-Type": "application/json"], body: Array(body.text.utf8))
        http.timeout = answerTime
        return try Self.json(try send(request))
    }

    /// The bytes and headers of an answer that is not JSON.
    package func download(_ path: String, _ query: [(name: String, value: String)]) throws -> HTTPResponse {
        http.timeout = answerTime + .seconds(30)
        return try send(HTTPRequest(path: path, query: query))
    }

    package func openStream(_ path: String, _ query: [(name: String, value: String)] = []) throws -> WebSocketStream {
        http.timeout = answerTime
        do {
            return try http.upgrade(path: path, query: query)
        } catch .upgradeRefused(let response) {
            throw Self.problem(response)
        }
    }

    private func send(_ request: HTTPRequest) throws -> HTTPResponse {
        let response = try http.send(request)
        guard (200..<300).contains(response.status) else { throw Self.problem(response) }
        return response
    }

    private static func json(_ response: HTTPResponse) throws -> JSONValue {
        do {
            return try JSONValue(parsing: response.body, limits: limits)
        } catch {
            throw ClientError.unclearAnswer(error.message)
        }
    }

    private static func problem(_ response: HTTPResponse) -> Problem {
        // Without a readable body the status alone tells what there is to tell.
        let body = (try? JSONValue(parsing: response.body)) ?? .null
        return Problem(body, status: response.status)
    }
}
