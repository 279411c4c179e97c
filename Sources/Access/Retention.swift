// SPDX-License-Identifier: Apache-2.0
// SECURITY: a recording that somebody holds is never deleted, and one that no rule names is kept for ever.

package enum HoldKind: NamedKind { package static let label = "hold" }
package typealias HoldName = Name<HoldKind>

/// How long recordings of some nodes are kept.
package struct RetentionRule: Sendable, Equatable {
    package let nodes: Selector
    /// Since the end of the recording.
    package let keep: Duration

    package static let longestDays: Int64 = 36_525

    package init(nodes: Selector, keep: Duration) {
        self.nodes = nodes
        self.keep = keep
    }
}

/// What a hold is on. Written as a session's or a grant's id, `person:NAME`, or a selector of nodes.
package enum HoldScope: Sendable, Equatable, CustomStringConvertible {
    case session(SessionID)
    case grant(GrantID)
    case person(PersonName)
    case nodes(Selector)

    package init(_ text: String) throws(Refusal) {
        if text.hasPrefix("person:") {
            self = .person(try PersonName(String(text.dropFirst(7))))
        } else if text.utf8.count == 8, text.hasPrefix("s-") {
            self = .session(try SessionID(text))
        } else if text.utf8.count == 8, text.hasPrefix("g-") {
            self = .grant(try GrantID(text))
        } else {
            self = .nodes(try Selector(text))
        }
    }

    package var description: String {
        switch self {
        case .session(let id): id.description
        case .grant(let id): id.description
        case .person(let name): "person:\(name)"
        case .nodes(let selector): selector.description
        }
    }
}

/// What retention needs to know of a recording that has ended.
package struct RecordingFacts: Sendable, Equatable {
    package let session: SessionID
    package let grant: GrantID
    package let person: PersonName
    package let node: Node
    package let endedAt: Timestamp

    package init(session: SessionID, grant: GrantID, person: PersonName, node: Node, endedAt: Timestamp) {
        self.session = session
        self.grant = grant
        self.person = person
        self.node = node
        self.endedAt = endedAt
    }
}

extension HoldScope {
    package func covers(_ recording: RecordingFacts) -> Bool {
        switch self {
        case .session(let id): recording.session == id
        case .grant(let id): recording.grant == id
        case .person(let name): recording.person == name
        case .nodes(let selector): selector.matches(recording.node)
        }
    }
}

/// What is to become of a recording.
package enum RecordingFate: Sendable, Equatable {
    /// Until then; `nil` for ever.
    case kept(until: Timestamp?)
    case held(HoldName)
    /// Kept for as long as the policy says, and not longer.
    case due(keep: Duration)
}

extension Policy {
    /// Of several rules that match, the longest counts.
    ///
    /// - Parameter holds: those in force.
    package func fate(of recording: RecordingFacts, holds: [(name: HoldName, scope: HoldScope)], at now: Timestamp) -> RecordingFate {
        let rules = retention.filter { $0.nodes.matches(recording.node) }
        guard let keep = rules.map(\.keep).max() else { return .kept(until: nil) }
        let end = recording.endedAt + keep
        guard now >= end else { return .kept(until: end) }
        if let hold = holds.first(where: { $0.scope.covers(recording) }) { return .held(hold.name) }
        return .due(keep: keep)
    }
}
