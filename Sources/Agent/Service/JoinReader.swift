// SPDX-License-Identifier: Apache-2.0
// SECURITY: the process of `stint-agent join` that reads the network. It gives up what it can before the first byte
// (NetworkProcess.swift) and knows no key but that of its connection, no token and no file. Whoever takes it over has what the
// root part takes of it (JoinTable.swift).

import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Transport

/// `stint-agent ask-roll`, started by a join for its questions to the broker.
package enum JoinReader {
    package static let command = "ask-roll"
    /// For each call as a whole.
    private static let timeout: Duration = .seconds(10)

    private typealias Line = RootLine<JoinOrder, JoinReport>

    /// Asks what it is told to, until there is no answer or nothing more to ask. Returns the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.isEmpty else { throw SystemError(call: command, errno: EINVAL) }
            try NetworkProcess.prepare("stint-join", as: try UnprivilegedAccount.find())
            let line = try Line()
            line.report(.ready)
            try line.tellAll()
            guard let (kind, content) = try line.awaitOrder(), kind == .dial else { return 0 }
            do {
                try serve(line, try client(for: try DialOrder(parsing: content)))
            } catch let error as Line.IsGone {
                throw error
            } catch {
                line.report(.over, Array(Problem(AgentError(error)).json.text.utf8))
                try line.tellAll()
            }
            return 0
        } catch {
            return 1  // nobody reads from us any more, or nothing may be told before we are who we should be
        }
    }

    private static func client(for order: DialOrder) throws -> HTTPClient {
        var limits = TransportLimits()
        limits.responseBody = JoinReport.entriesLimit
        return try order.client(timeout: timeout, limits: limits)
    }

    private static func serve(_ line: Line, _ client: HTTPClient) throws {
        while let (kind, content) = try line.awaitOrder() {
            switch kind {
            case .fetch:
                guard let (after, invitation) = JoinOrder.fetched(content) else { return }
                let query = [(name: "after", value: String(after)), (name: "invitation", value: invitation.hex)]
                let answer = try client.send(HTTPRequest(path: Route.roll, query: query))
                if answer.status == 200 { line.report(.entries, answer.body) } else { refuse(answer, line) }
            case .post:
                let request = HTTPRequest(method: "POST", path: Route.roll, headers: ["Content-Type": "application/json"], body: content)
                let answer = try client.send(request)
                if (200...299).contains(answer.status) { line.report(.taken) } else { refuse(answer, line) }
            case .dial, .end: return client.close()
            }
            try line.tellAll()
        }
    }

    private static func refuse(_ answer: HTTPResponse, _ line: Line) {
        let status = [UInt8(truncatingIfNeeded: answer.status >> 8), UInt8(truncatingIfNeeded: answer.status)]
        line.report(.refused, status + Array(BrokerAnswer.problem(in: answer).json.text.utf8))
    }
}
