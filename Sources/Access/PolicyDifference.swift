// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// What a next policy changes, rule by rule, in the words of the file.
package struct PolicyDifference: Sendable, Equatable {
    package enum Change: Sendable, Equatable {
        case added(String)
        case removed(String)
        /// `key: before → after`
        case changed(String, [String])
    }

    package let changes: [Change]

    package init(from old: Policy, to new: Policy) {
        var changes = Self.compare("entitlement", old.entitlements.map { ($0.name.text, $0.summary) }, new.entitlements.map { ($0.name.text, $0.summary) })
        changes += Self.compare("forbid", old.forbid.map { ($0.name.text, $0.summary) }, new.forbid.map { ($0.name.text, $0.summary) })
        changes += Self.compare("roster", old.rosters.map { ($0.name.text, $0.summary) }, new.rosters.map { ($0.name.text, $0.summary) })
        changes += Self.compare(
            "retention", old.retention.map { ($0.nodes.description, $0.summary) }, new.retention.map { ($0.nodes.description, $0.summary) })
        changes += Self.compare("document", old.documents.map { ($0.name.text, $0.text) }, new.documents.map { ($0.name.text, $0.text) })
        changes += Self.compare("preferences", old.preferences.map { ($0.name.text, $0.text) }, new.preferences.map { ($0.name.text, $0.text) })
        if old.administratorsToAgree != new.administratorsToAgree {
            changes.append(.changed("charter", ["administrators: \(old.administratorsToAgree) → \(new.administratorsToAgree)"]))
        }
        let order = new.entitlements.map(\.name)
        let known = Set(old.entitlements.map(\.name))
        if order.filter(known.contains) != old.entitlements.map(\.name).filter(Set(order).contains) {
            changes.append(.changed("order of the entitlements", [order.map(\.text).joined(separator: ", ")]))
        }
        self.changes = changes
    }

    private static func compare(
        _ kind: String, _ old: [(name: String, summary: [(key: String, value: String)])],
        _ new: [(name: String, summary: [(key: String, value: String)])]
    ) -> [Change] {
        let before = Dictionary(old.map { ($0.name, $0.summary) }, uniquingKeysWith: { first, _ in first })
        let names = Set(new.map(\.name))
        var changes: [Change] = old.filter { !names.contains($0.name) }.map { .removed("\(kind) `\($0.name)`") }
        for (name, summary) in new {
            guard let earlier = before[name] else {
                changes.append(.added("\(kind) `\(name)`"))
                continue
            }
            let lines = zip(earlier, summary).filter { $0.value != $1.value }
                .map { "\($0.key): \($0.value.isEmpty ? "none" : $0.value) → \($1.value.isEmpty ? "none" : $1.value)" }
            if !lines.isEmpty { changes.append(.changed("\(kind) `\(name)`", lines)) }
        }
        return changes
    }
}

extension Entitlement {
    /// Every rule of it as text, always the same keys in the same order.
    package var summary: [(key: String, value: String)] {
        [
            ("requesters", requesters.map(\.description).joined(separator: ", ")), ("nodes", nodes.description),
            ("capabilities", capabilities.sorted().map(\.rawValue).joined(separator: ", ")),
            ("runAs", runAs.map(\.description).joined(separator: ", ")), ("seats", seats.map(\.description).joined(separator: "; ")),
            ("autoApproval", autoApproval.map { "\($0.perMonth) a month" } ?? ""),
            ("maximumDuration", DurationText.format(maximumDuration)), ("sessionMaximum", DurationText.format(sessionMaximum)),
            ("idleLimit", DurationText.format(idleLimit)), ("idleCounts", idleCounts.rawValue),
            ("minimumReasonLength", String(minimumReasonLength)), ("tickets", tickets.map(\.description).joined(separator: ", ")),
            ("fields", fields.map { "\($0.name): \($0.expectation)\($0.isRequired ? "" : " (optional)")" }.joined(separator: "; ")),
            ("windows", windows?.description ?? ""), ("oneShot", isOneShot ? "yes" : "no"), ("denyThreshold", String(denyThreshold)),
            ("pendingFor", DurationText.format(pendingFor)), ("activateWithin", DurationText.format(activateWithin)),
            ("lease", DurationText.format(lease)), ("detachedFor", DurationText.format(detachedFor)), ("withoutBroker", withoutBroker.rawValue),
            ("recording", recording.rawValue), ("watching", watching.description),
            ("breakGlass", breakGlass?.description ?? ""),
            ("extension", extending.summary()),
            ("scheduledStart", scheduledWithin.map(DurationText.format) ?? ""),
        ]
    }
}

extension ForbidRule {
    fileprivate var summary: [(key: String, value: String)] {
        [
            ("requesters", requesters?.map(\.description).joined(separator: ", ") ?? "everybody"), ("nodes", nodes.description),
            ("capabilities", capabilities?.sorted().map(\.rawValue).joined(separator: ", ") ?? "all"),
            ("runAs", runAs?.map(\.text).joined(separator: ", ") ?? "all"),
        ]
    }
}

extension RetentionRule {
    fileprivate var summary: [(key: String, value: String)] { [("keepDays", String(keep.wholeSeconds / 86_400))] }
}

extension DutyRoster {
    fileprivate var summary: [(key: String, value: String)] {
        switch source {
        case .turns(let turns):
            [
                ("zone", turns.zone), ("start", turns.startText), ("people", turns.people.map(\.text).joined(separator: ", ")),
                ("key", ""), ("maximumAge", ""),
            ]
        case .statements(let roster):
            [("zone", ""), ("start", ""), ("people", ""), ("key", roster.key.hex), ("maximumAge", DurationText.format(roster.maximumAge))]
        }
    }
}

extension CommandDocument {
    fileprivate var text: [(key: String, value: String)] {
        [
            ("version", String(version)), ("summary", summary), ("command", command.map(\.description).joined(separator: " ")),
            (
                "parameters",
                parameters.map { "\($0.name): \($0.rule.expectation)\($0.fallback.map { " (or \($0))" } ?? "")" }.joined(separator: "; ")
            ), ("interactive", isInteractive ? "yes" : "no"),
        ]
    }
}

extension Preferences {
    fileprivate var text: [(key: String, value: String)] { [("nodes", nodes.description), ("settings", settings.json.text)] }
}
