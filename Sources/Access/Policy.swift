// SPDX-License-Identifier: Apache-2.0

/// Whom a rule means. Written `group:NAME`, `person:NAME`, `attribute:KEY=VALUE` or `roster:NAME`.
package enum Principal: Sendable, Hashable, CustomStringConvertible {
    case group(GroupName)
    case person(PersonName)
    case attribute(String, String)
    /// Whoever is on call when a request is signed: see ``Policy/entitlement(_:at:)``. Unresolved it means nobody.
    case roster(RosterName)

    package init(_ text: String) throws(Refusal) {
        if text.hasPrefix("group:") {
            self = .group(try GroupName(String(text.dropFirst(6))))
        } else if text.hasPrefix("person:") {
            self = .person(try PersonName(String(text.dropFirst(7))))
        } else if text.hasPrefix("roster:") {
            self = .roster(try RosterName(String(text.dropFirst(7))))
        } else if text.hasPrefix("attribute:"), let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
            let key = String(text[text.utf8.index(text.startIndex, offsetBy: 10)..<equals])
            let value = String(text[text.utf8.index(after: equals)...])
            guard Tags.isKey(key), Tags.isValue(value) else { throw .principalMalformed(text) }
            self = .attribute(key, value)
        } else {
            throw .principalMalformed(text)
        }
    }

    package func includes(_ person: Person) -> Bool {
        switch self {
        case .group(let group): person.groups.contains(group)
        case .person(let name): person.name == name
        case .attribute(let key, let value): person.attributes[key].map { $0.utf8.elementsEqual(value.utf8) } ?? false
        case .roster: false
        }
    }

    package var description: String {
        switch self {
        case .group(let name): "group:" + name.text
        case .person(let name): "person:" + name.text
        case .attribute(let key, let value): "attribute:" + key + "=" + value
        case .roster(let name): "roster:" + name.text
        }
    }
}

/// Approvals that an entitlement demands: `count` distinct persons among `of`.
package struct Seat: Sendable, Equatable, CustomStringConvertible {
    package let count: Int
    package let of: [Principal]

    package init(count: Int, of principals: [Principal]) {
        self.count = count
        self.of = principals
    }

    package func includes(_ person: Person) -> Bool { of.contains { $0.includes(person) } }

    package var description: String { "\(count) of " + of.map(\.description).joined(separator: ", ") }
}

/// A standing right to ask.
package struct Entitlement: Sendable, Equatable {
    /// What counts as activity against the idle limit.
    package enum Activity: String, Sendable, CaseIterable { case input, inputAndOutput }
    /// What a live session does when its node no longer hears from the broker.
    package enum Partition: String, Sendable, CaseIterable { case lease, untilDeadline }
    /// Whether a session without a recorder may exist.
    package enum Recording: String, Sendable, CaseIterable { case required, bestEffort }

    package var name: EntitlementName
    package var requesters: [Principal]
    package var nodes: Selector
    package var capabilities: Set<Capability>
    /// Run-as users, the first being the default.
    package var runAs: [RunAsRule]
    package var maximumDuration: Duration
    package var sessionMaximum: Duration
    package var idleLimit: Duration
    package var idleCounts: Activity
    package var minimumReasonLength: Int
    package var seats: [Seat]
    package var denyThreshold: Int
    package var pendingFor: Duration
    package var activateWithin: Duration
    package var lease: Duration
    /// How long a session waits for a client whose connection was lost.
    package var detachedFor: Duration
    package var withoutBroker: Partition
    package var recording: Recording
    /// The reason must name a ticket of one of these forms; any reason will do where there is none.
    package var tickets: [TicketPattern] = []
    /// What must be stated beside the reason.
    package var fields: [ReasonField] = []
    /// `nil`: at any time.
    package var windows: Windows?
    /// `nil`: every request needs its seats filled.
    package var autoApproval: AutoApproval?
    /// The grant is over when its first session is. That a session was there before is known to the broker only.
    package var isOneShot = false
    package var watching = Watching()
    /// `nil`: without the seats there is no access.
    package var breakGlass: BreakGlass?
    /// This is ``withGlassBroken``, and not the entitlement as it is asked for otherwise.
    package var isGlassBroken = false
    package var extending = ExtensionRule()
    /// How far ahead the start of a grant may be asked for. `nil`: it starts when it is used.
    package var scheduledWithin: Duration?

    /// Requests that are approved when they are made. The count is known to the broker only; beyond it the seats decide,
    /// where there are any.
    package struct AutoApproval: Sendable, Equatable {
        /// Requests of one person in a calendar month (UTC).
        package let perMonth: Int

        package init(perMonth: Int) { self.perMonth = perMonth }
    }

    package init(
        name: EntitlementName, requesters: [Principal], nodes: Selector, capabilities: Set<Capability>,
        runAs: [RunAsRule], seats: [Seat], maximumDuration: Duration = Policy.Defaults.maximumDuration,
        sessionMaximum: Duration = Policy.Defaults.sessionMaximum, idleLimit: Duration = Policy.Defaults.idleLimit,
        idleCounts: Activity = .input, minimumReasonLength: Int = Policy.Defaults.minimumReasonLength,
        denyThreshold: Int = 1, pendingFor: Duration = Policy.Defaults.pendingFor,
        activateWithin: Duration = Policy.Defaults.activateWithin, lease: Duration = Policy.Defaults.lease,
        detachedFor: Duration = Policy.Defaults.detachedFor, withoutBroker: Partition = .lease, recording: Recording = .required
    ) {
        self.name = name
        self.requesters = requesters
        self.nodes = nodes
        self.capabilities = capabilities
        self.runAs = runAs
        self.seats = seats
        self.maximumDuration = maximumDuration
        self.sessionMaximum = sessionMaximum
        self.idleLimit = idleLimit
        self.idleCounts = idleCounts
        self.minimumReasonLength = minimumReasonLength
        self.denyThreshold = denyThreshold
        self.pendingFor = pendingFor
        self.activateWithin = activateWithin
        self.lease = lease
        self.detachedFor = detachedFor
        self.withoutBroker = withoutBroker
        self.recording = recording
    }

    package var seatCount: Int { seats.reduce(0) { $0 + $1.count } }
}

/// The rules, as an administrator signed them.
package struct Policy: Sendable, Equatable {
    /// In the order of the file.
    package var entitlements: [Entitlement]
    /// What is never allowed, whatever the entitlements say.
    package var forbid: [ForbidRule]
    package var rosters: [DutyRoster]
    /// So many administrators must agree to the next charter.
    package var administratorsToAgree = 1
    /// How long recordings are kept: for ever where no rule matches.
    package var retention: [RetentionRule] = []
    /// Commands that `exec:NAME` may run.
    package var documents: [CommandDocument]
    /// How sessions are set up, in the order of the file.
    package var preferences: [Preferences]

    package init(
        entitlements: [Entitlement], forbid: [ForbidRule] = [], rosters: [DutyRoster] = [], documents: [CommandDocument] = [],
        preferences: [Preferences] = []
    ) {
        self.entitlements = entitlements
        self.forbid = forbid
        self.rosters = rosters
        self.documents = documents
        self.preferences = preferences
    }

    /// The entitlement with the people who were on call at `time` in place of its rosters.
    package func entitlement(_ name: EntitlementName, at time: Timestamp?) -> Entitlement? {
        entitlement(name).map { resolve($0, at: time) }
    }

    func resolve(_ entitlement: Entitlement, at time: Timestamp?) -> Entitlement {
        guard !rosters.isEmpty, let time else { return entitlement }
        var resolved = entitlement
        resolved.requesters = entitlement.requesters.map { resolve($0, at: time) }
        let watching = entitlement.watching
        resolved.watching = Watching(mode: watching.mode, by: watching.by?.map { resolve($0, at: time) })
        resolved.breakGlass?.requesters = entitlement.breakGlass?.requesters?.map { resolve($0, at: time) }
        resolved.breakGlass?.reviewers = entitlement.breakGlass?.reviewers?.map { resolve($0, at: time) }
        resolved.seats = resolve(entitlement.seats, at: time)
        if case .seats(let seats) = entitlement.extending.approval { resolved.extending.approval = .seats(resolve(seats, at: time)) }
        return resolved
    }

    private func resolve(_ seats: [Seat], at time: Timestamp) -> [Seat] {
        seats.map { seat in Seat(count: seat.count, of: seat.of.map { resolve($0, at: time) }) }
    }

    func resolve(_ principal: Principal, at time: Timestamp) -> Principal {
        guard case .roster(let name) = principal else { return principal }
        return roster(name)?.onCall(at: time).map(Principal.person) ?? principal
    }

    package func roster(_ name: RosterName) -> DutyRoster? { rosters.first { $0.name == name } }

    /// Whether `principal` means `person` now or in some turn of a roster.
    package func mayMean(_ person: Person, by principal: Principal) -> Bool {
        guard case .roster(let name) = principal else { return principal.includes(person) }
        return roster(name)?.people.contains(person.name) ?? false
    }

    /// The first rule that forbids `capabilities` on `node`.
    package func prohibition(
        of capabilities: Set<Capability>, as user: RunAsName, by person: Person, on node: Node
    ) -> ForbidRule? {
        forbid.first { $0.forbids(person, capabilities, as: user, on: node) }
    }

    package func entitlement(_ name: EntitlementName) -> Entitlement? { entitlements.first { $0.name == name } }

    /// What applies where the policy is silent (DESIGN 4, "Defaults").
    package enum Defaults {
        package static let duration: Duration = .seconds(3600)
        package static let maximumDuration: Duration = .seconds(4 * 3600)
        package static let absoluteCap: Duration = .seconds(86_400)
        package static let sessionMaximum: Duration = .seconds(86_400)
        package static let idleLimit: Duration = .seconds(15 * 60)
        package static let idleWarning: Duration = .seconds(60)
        package static let minimumReasonLength = 10
        package static let pendingFor: Duration = .seconds(3600)
        package static let activateWithin: Duration = .seconds(30 * 60)
        package static let lease: Duration = .seconds(60)
        package static let extensions = 2
        /// How long a session waits for a client whose connection was lost.
        package static let detachedFor: Duration = .seconds(300)
    }
}
