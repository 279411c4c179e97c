// SPDX-License-Identifier: Apache-2.0

/// Who is on call: people who take turns of a week, at one hour of the clocks of a zone.
///
/// A rule that names `roster:NAME` means whoever is on call when the request is signed. The end of a turn takes nothing
/// back that was asked in it.
package struct DutyRoster: Sendable, Equatable {
    package let name: RosterName
    package let zone: String
    package let people: [PersonName]
    /// As the policy writes it.
    package let startText: String
    /// When the first of `people` begins, as shown by the clocks of the zone: seconds since 1970 local.
    private let start: Int64
    private let rule: TimeZoneRule

    /// - Parameter start: `2026-01-05 09:00`.
    /// - Throws: ``Refusal/zoneUnknown(_:)``, ``Refusal/localTimeMalformed(_:)``
    package init(name: RosterName, zone: String, start text: String, people: [PersonName]) throws(Refusal) {
        guard let rule = TimeZoneRule(zone: zone) else { throw .zoneUnknown(zone) }
        let start = try DayAndTime.seconds(text)
        self.name = name
        self.zone = zone
        self.people = people
        self.rule = rule
        self.start = start
        startText = text
    }

    /// `nil` before the first turn.
    package func onCall(at time: Timestamp) -> PersonName? {
        let weeks = (rule.local(time) - start).flooredQuotient(by: 7 * 86_400)
        guard weeks >= 0, !people.isEmpty else { return nil }
        return people[Int(weeks % Int64(people.count))]
    }
}
