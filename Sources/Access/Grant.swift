// SPDX-License-Identifier: Apache-2.0
// SECURITY: the grant's state machine. An ended grant is never revived; ending needs no quorum (P2, P4).

/// The lease that a fully approved request produces.
///
///           ┌ lapse ──▶ lapsed       not activated in time
///   ready ──┼ cancel ─▶ cancelled    revoked or released before use
///           └ activate ─▶ active ── end ─▶ ending ── settle ─▶ ended
///                         ▲    └ extend ┐  a later end, the next version of the lease
///                         └─────────────┘
///
/// `active`: sessions may be opened while `now < notAfter`. `ending`: no session may be opened, those alive are being
/// ended. `ended`: every session of it has its receipt, or is marked unconfirmed.
package struct Grant: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case ready, active, ending, ended, lapsed, cancelled

        package var isTerminal: Bool {
            switch self {
            case .ready, .active, .ending: false
            case .ended, .lapsed, .cancelled: true
            }
        }
    }

    /// Why a grant is over.
    package enum EndReason: String, Sendable, CaseIterable {
        case expired, revoked, released, personDisabled = "person-disabled", policyChanged = "policy-changed"
        /// It was good for one session, and that is over.
        case once
    }

    package enum Event: Sendable, Equatable {
        case activate(by: PersonName, at: Timestamp, maximum: Duration)
        /// An extension was agreed to: its lease's version, and the end that it gives.
        case extend(lease: Int64, to: Timestamp)
        case end(EndReason)
        case expire
        case lapse
        /// Every session of it has ended.
        case settle
    }

    package let id: GrantID
    package let holder: PersonName
    package let granted: Duration
    package let activateBefore: Timestamp
    /// Not to be used before then.
    package let startsAt: Timestamp?
    package private(set) var notBefore: Timestamp?
    package private(set) var notAfter: Timestamp?
    /// The version of the lease: 1, and one more with each extension.
    package private(set) var lease: Int64
    package private(set) var endReason: EndReason?
    package private(set) var state: State
    package private(set) var version: Int64

    package init(
        id: GrantID, holder: PersonName, granted: Duration, activateBefore: Timestamp, startsAt: Timestamp? = nil,
        notBefore: Timestamp? = nil, notAfter: Timestamp? = nil, lease: Int64 = 1, endReason: EndReason? = nil, state: State = .ready, version: Int64 = 1
    ) {
        self.id = id
        self.holder = holder
        self.granted = granted
        self.activateBefore = activateBefore
        self.startsAt = startsAt
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.lease = lease
        self.endReason = endReason
        self.state = state
        self.version = version
    }

    /// - Throws: a ``Refusal``, which leaves the value unchanged.
    package mutating func apply(_ event: Event, at now: Timestamp) throws(Refusal) {
        switch (state, event) {
        case (.ready, .activate(let person, let start, let maximum)):
            guard person == holder else { throw .notTheHolder(id) }
            guard now < activateBefore else { throw .activationDeadlinePassed(id, activateBefore) }
            if let startsAt, start < startsAt { throw .tooEarly(id, startsAt) }
            notBefore = start
            notAfter = start + min(granted, maximum, Policy.Defaults.absoluteCap)
            become(.active)
        case (.ready, .end(let reason)):
            endReason = reason
            become(.cancelled)
        case (.ready, .lapse):
            guard now >= activateBefore else { throw .notYetDue(id.description) }
            become(.lapsed)
        case (.active, .extend(let next, let end)):
            guard let notAfter, now < notAfter else { throw .grantOver(id, .ending, .expired) }
            guard next == lease + 1 else { throw .leaseChanged(id, lease) }
            guard end > notAfter else { throw .extensionTotalReached(id, notAfter) }
            self.notAfter = end
            lease = next
            become(.active)
        case (.active, .end(let reason)):
            endReason = reason
            become(.ending)
        case (.active, .expire):
            guard let notAfter, now >= notAfter else { throw .notYetDue(id.description) }
            endReason = .expired
            become(.ending)
        case (.ending, .settle): become(.ended)
        case (.active, .activate): throw .grantAlreadyActive(id)
        case (.ready, .extend): throw .grantNotActive(id)
        case (.ready, .expire), (.ready, .settle), (.active, .lapse), (.active, .settle): throw .notYetDue(id.description)
        case (.ending, _), (.ended, _), (.lapsed, _), (.cancelled, _): throw .grantOver(id, state, endReason)
        }
    }

    private mutating func become(_ next: State) {
        state = next
        version += 1
    }
}
