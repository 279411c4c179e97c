// SPDX-License-Identifier: Apache-2.0
// SECURITY: when a session ends (P2). Every instant is of the boot-time clock, which counts suspend: neither a sleeping
// machine nor a wall clock stepped either way earns or costs time.

package import Access
package import Posix

/// What makes a session end or warn by itself, and when.
package struct SessionDeadlines: Sendable {
    package enum Event: Sendable, Equatable {
        case end(Session.EndReason)
        /// The session ends for this reason after so long.
        case notice(Session.EndReason, in: Duration)
    }

    package typealias Instant = BootInstant

    /// The grant's end or the session's own maximum, whichever comes first.
    package private(set) var end: Instant
    package private(set) var endReason: Session.EndReason
    private let maximumEnd: Instant
    // Nanoseconds: these are looked at for each key, and a sum with a `Duration` is a division of 128 bits.
    private let idleLimit: Int64
    /// How long before the idle end the operator is warned: with a short limit, half of it.
    private let idleNotice: Int64
    private let renewWithin: Int64?
    private let detachedFor: Int64
    private let idleCounts: Entitlement.Activity
    /// When the client was lost; `nil` while it is attached, or while nobody can know.
    private var detachedSince: Instant?
    private var lastActivity: Instant
    private var lastHeard: Instant
    /// How many of the warnings are past, and when the next one is due.
    private var warningsPast = 0
    private var warningAt: Instant?
    private var hasWarnedOfIdleness = false

    /// Lengths of time before the end at which the operator is told, longest first.
    private static let warningTimes: [Duration] = [.seconds(600), .seconds(300), .seconds(60)]

    /// - Parameter grantEnd: when the grant's time is up.
    package init(
        grantEnd: Instant, sessionMaximum: Duration, idleLimit: Duration, idleCounts: Entitlement.Activity,
        renewWithin: Duration?, detachedFor: Duration = Policy.Defaults.detachedFor, start: Instant
    ) {
        maximumEnd = start + sessionMaximum
        (end, endReason) = grantEnd <= maximumEnd ? (grantEnd, .expired) : (maximumEnd, .maximumDuration)
        self.idleLimit = idleLimit.clampedNanoseconds
        idleNotice = min(Policy.Defaults.idleWarning, idleLimit / 2).clampedNanoseconds
        self.idleCounts = idleCounts
        self.renewWithin = renewWithin?.clampedNanoseconds
        self.detachedFor = detachedFor.clampedNanoseconds
        lastActivity = start
        lastHeard = start
        planWarnings(at: start)
    }

    /// The grant was extended. What was warned of is warned of again.
    package mutating func move(grantEnd: Instant, at now: Instant) {
        (end, endReason) = grantEnd <= maximumEnd ? (grantEnd, .expired) : (maximumEnd, .maximumDuration)
        planWarnings(at: now)
    }

    private mutating func planWarnings(at now: Instant) {
        let left = now.duration(to: end)
        warningsPast = Self.warningTimes.prefix { $0 >= left }.count
        planWarning()
    }

    private mutating func planWarning() {
        warningAt = warningsPast < Self.warningTimes.count ? end - Self.warningTimes[warningsPast] : nil
    }

    /// The operator typed, or sent standard input. Nothing else of theirs is activity: a window can change its size by
    /// itself.
    package mutating func inputArrived(at now: Instant) {
        lastActivity = now
        hasWarnedOfIdleness = false
    }

    package mutating func outputArrived(at now: Instant) {
        switch idleCounts {
        case .input: break
        case .inputAndOutput: inputArrived(at: now)
        }
    }

    /// The broker said something, whatever it was: the lease is renewed.
    package mutating func heardBroker(at now: Instant) { lastHeard = now }

    /// Whether the broker's clock says that the grant's time is up: it ends also a session whose machine stood still.
    package static func isOver(_ notAfter: Timestamp, byBroker time: Timestamp) -> Bool { time >= notAfter }

    /// The client's connection was lost, while the broker's is there. Told again, it is the same loss.
    package mutating func clientLost(at now: Instant) { detachedSince = detachedSince ?? now }

    /// The client is attached again, or the broker is gone too: then it is the lease that counts.
    package mutating func clientMayBeThere() { detachedSince = nil }

    /// When ``next(at:)`` has something.
    package var due: Instant {
        let end = firstEnd.at
        return Instant.earlier(Instant.earlier(warningAt, idleWarning), end) ?? end
    }

    /// What is due now. To be asked again until there is nothing.
    package mutating func next(at now: Instant) -> Event? {
        let first = firstEnd
        if now >= first.at { return .end(first.reason) }
        if let warningAt, now >= warningAt { return .notice(endReason, in: takeWarnings(at: now)) }
        if let idleWarning, now >= idleWarning {
            hasWarnedOfIdleness = true
            return .notice(.idle, in: .nanoseconds(idleNotice))
        }
        return nil
    }

    private var firstEnd: (at: Instant, reason: Session.EndReason) {
        var first = (at: end, reason: endReason)
        let idle = lastActivity.advanced(byNanoseconds: idleLimit)
        if idle < first.at { first = (idle, .idle) }
        if let unheard = renewWithin.map({ lastHeard.advanced(byNanoseconds: $0) }), unheard < first.at { first = (unheard, .leaseLost) }
        if let detached = detachedSince?.advanced(byNanoseconds: detachedFor), detached < first.at { first = (detached, .clientClosed) }
        return first
    }

    /// Of several that a suspended machine slept through, only the last is still true.
    private mutating func takeWarnings(at now: Instant) -> Duration {
        var warning = Duration.zero
        while let due = warningAt, now >= due {
            warning = Self.warningTimes[warningsPast]
            warningsPast += 1
            planWarning()
        }
        return warning
    }

    private var idleWarning: Instant? {
        hasWarnedOfIdleness ? nil : lastActivity.advanced(byNanoseconds: idleLimit - idleNotice)
    }
}

extension SessionDeadlines {
    /// The line for the operator when the end has moved.
    package static func extensionText(grant: GrantID, left: Duration, _ reason: Session.EndReason, at now: Timestamp) -> String {
        let clock = (now + left).description.utf8.dropFirst(11).prefix(8)
        let end = "\(String(decoding: clock, as: UTF8.self)) UTC, in \(DurationText.format(.seconds(max(1, left.wholeSeconds))))"
        let because = reason == .maximumDuration ? ", when it reaches its longest duration" : ""
        return "Grant \(grant) was extended. This session ends at \(end)\(because)."
    }
}

extension SessionDeadlines.Event {
    /// The line for the operator.
    ///
    /// - Parameter now: the wall clock; people read it, and nothing hangs on it.
    package func text(grant: GrantID, at now: Timestamp) -> String {
        guard case .notice(let reason, let left) = self else { return "" }
        let (minutes, seconds) = (left.wholeSeconds / 60, left.wholeSeconds)
        let clock = (now + left).description.utf8.dropFirst(11).prefix(8)
        let amount = minutes > 0 ? "\(minutes) minute\(minutes == 1 ? "" : "s")" : "\(seconds) second\(seconds == 1 ? "" : "s")"
        let time = "in \(amount) (\(String(decoding: clock, as: UTF8.self)) UTC)"
        return switch reason {
        case .idle: "This session ends \(time), because it is idle. Type something to keep it."
        case .expired: "This session ends \(time), when grant \(grant) expires."
        default: "This session ends \(time), when it reaches its longest duration."
        }
    }
}
