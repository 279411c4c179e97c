// SPDX-License-Identifier: Apache-2.0
// SECURITY: who may look on at somebody else's live session, and whether that person is told. What a policy does not say
// is decided for the operator: nobody looks on in secret.

/// What an entitlement says about looking on at its live sessions.
package struct Watching: Sendable, Equatable {
    package enum Mode: String, Sendable, CaseIterable {
        /// The operator is told who begins and who stops to look on.
        case open
        /// Only the ledger tells.
        case silent
        /// Nobody may look on. The recording may still be read when it is over.
        case off
    }

    package let mode: Mode
    /// `nil`: whoever may fill a seat, and administrators.
    package let by: [Principal]?

    package init(mode: Mode = .open, by: [Principal]? = nil) {
        self.mode = mode
        self.by = by
    }
}

extension Watching: CustomStringConvertible {
    package var description: String {
        mode.rawValue + (by.map { " by " + $0.map(\.description).joined(separator: ", ") } ?? "")
    }
}

/// The terms on which somebody may look on.
package struct WatchTerms: Sendable, Equatable {
    package let isOperatorTold: Bool

    package init(isOperatorTold: Bool) { self.isOperatorTold = isOperatorTold }
}

extension EntitlementInForce {
    /// Decides whether `watcher` may look on at a live session under this request: the stricter of both policies.
    ///
    /// The operator may look on at the own session, as from a second device.
    ///
    /// - Throws: ``Refusal/watchingOff(_:)``, ``Refusal/mayNotWatch(_:_:)``, or that the person is unknown or disabled.
    package func watch(by watcher: PersonName, in directory: Directory) throws(Refusal) -> WatchTerms {
        guard let person = directory.people[watcher] else { throw .personUnknown(watcher) }
        guard person.isEnabled else { throw .personDisabled(watcher) }
        for rule in both {
            guard rule.watching.mode != .off else { throw .watchingOff(rule.name) }
            guard watcher != requester else { continue }
            let isMeant =
                if let by = rule.watching.by {
                    by.contains { $0.includes(person) }
                } else {
                    rule.seats.contains { $0.includes(person) } || directory.isAdministrator(watcher)
                }
            guard isMeant else { throw .mayNotWatch(rule.name, rule.watching.by ?? rule.seats.flatMap(\.of)) }
        }
        return WatchTerms(isOperatorTold: both.contains { $0.watching.mode == .open })
    }
}
