// SPDX-License-Identifier: Apache-2.0

package import Access
import CommandLineKit
import Protocol

/// What a person did in the last 30 days, as far as whoever asks may see it: for an approver who does not know them.
package struct RequesterHistory: Sendable, Equatable {
    package static let span: Duration = .seconds(30 * 86_400)

    package private(set) var asked = 0
    package private(set) var approved = 0
    package private(set) var denied = 0
    package private(set) var sessions = 0
    package private(set) var nodes: Set<String> = []
    package private(set) var last: (at: Timestamp, node: String)?

    package static func == (left: Self, right: Self) -> Bool {
        (left.asked, left.approved, left.denied, left.sessions) == (right.asked, right.approved, right.denied, right.sessions)
            && left.nodes == right.nodes && left.last?.at == right.last?.at && left.last?.node == right.last?.node
    }

    package init(of person: PersonName, requests: [Answer], sessions rows: [Answer], now: Timestamp) {
        for row in requests where row.optionalText("requester") == person.text && Self.isRecent(row, "createdAt", now) {
            asked += 1
            switch row.optionalText("state").flatMap(AccessRequest.State.init) {
            case .approved: approved += 1
            case .denied: denied += 1
            case .pending, .withdrawn, .lapsed, .invalidated, nil: break
            }
        }
        for row in rows where row.optionalText("person") == person.text && Self.isRecent(row, "openedAt", now) {
            guard row.optionalText("endReason") != Session.EndReason.refused.rawValue, let at = row.time("openedAt") else { continue }
            sessions += 1
            let node = row.optionalText("node") ?? "?"
            nodes.insert(node)
            if last.map({ at > $0.at }) ?? true { last = (at, node) }
        }
    }

    private static func isRecent(_ row: Answer, _ key: String, _ now: Timestamp) -> Bool {
        row.time(key).map { now - $0 <= span } ?? false
    }

    /// Asks the broker. What cannot be read now is left out: it informs, and decides nothing.
    package init?(of person: PersonName, seenBy user: Operator, now: Timestamp) {
        guard let requests = try? Answer(try user.broker.get(Route.requests, [("scope", "all")])).items(),
            let sessions = try? Answer(try user.broker.get(Route.sessions, [("scope", "all")])).items()
        else { return nil }
        self.init(of: person, requests: requests, sessions: sessions, now: now)
    }

    /// `asked 4 times: 3 approved, 1 denied`, `6 sessions on db-1, db-2; the last on db-1, 2 d ago`
    package func lines(now: Timestamp) -> [String] {
        let times = asked == 1 ? "asked once, this time" : "asked \(asked) times: \(approved) approved, \(denied) denied"
        guard let last else { return [times, "no session"] }
        let count = sessions == 1 ? "1 session" : "\(sessions) sessions"
        return [
            times,
            "\(count) on \(ObjectText.names(nodes.sorted())); the last on \(last.node), \(TimeText.relative(last.at, now: now))",
        ]
    }
}
