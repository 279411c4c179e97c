// SPDX-License-Identifier: Apache-2.0

/// Who is on call. A rule that names `roster:NAME` means whoever is on call when the request is signed; the end of a turn
/// takes nothing back that was asked in it.
package struct DutyRoster: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        /// The policy says it itself.
        case turns(WeeklyTurns)
        /// Statements under a key that the policy names say it.
        case statements(SignedRoster)
    }

    package let name: RosterName
    package internal(set) var source: Source

    package init(name: RosterName, source: Source) {
        self.name = name
        self.source = source
    }

    /// - Parameter start: `2026-01-05 09:00`.
    /// - Throws: ``Refusal/zoneUnknown(_:)``, ``Refusal/localTimeMalformed(_:)``
    package init(name: RosterName, zone: String, start: String, people: [PersonName]) throws(Refusal) {
        self.init(name: name, source: .turns(try WeeklyTurns(zone: zone, start: start, people: people)))
    }

    /// `nil` while nobody is.
    package func onCall(at time: Timestamp) -> PersonName? {
        switch source {
        case .turns(let turns): turns.onCall(at: time)
        case .statements(let roster): roster.onCall(at: time)
        }
    }

    /// Everybody who ever is, as far as is known.
    package var people: Set<PersonName> {
        switch source {
        case .turns(let turns): Set(turns.people)
        case .statements(let roster): roster.people
        }
    }
}

/// People who take turns of a week, at one hour of the clocks of a zone.
package struct WeeklyTurns: Sendable, Equatable {
    package let zone: String
    package let people: [PersonName]
    /// As the policy writes it.
    package let startText: String
    /// When the first of `people` begins, as shown by the clocks of the zone: seconds since 1970 local.
    private let start: Int64
    private let rule: TimeZoneRule

    init(zone: String, start text: String, people: [PersonName]) throws(Refusal) {
        guard let rule = TimeZoneRule(zone: zone) else { throw .zoneUnknown(zone) }
        start = try DayAndTime.seconds(text)
        self.zone = zone
        self.people = people
        self.rule = rule
        startText = text
    }

    /// `nil` before the first turn.
    func onCall(at time: Timestamp) -> PersonName? {
        let weeks = (rule.local(time) - start).flooredQuotient(by: 7 * 86_400)
        guard weeks >= 0, !people.isEmpty else { return nil }
        return people[Int(weeks % Int64(people.count))]
    }
}
