// SPDX-License-Identifier: Apache-2.0
// SECURITY: the lease as agent and supervisor share it: written by the agent once the evidence holds, 0600, and read by
// nobody else. The supervisor decides nothing that is not in here.

package import Access
package import Evidence
package import StrictJSON

/// All that a supervisor needs to know of its session.
package struct SessionTerms: Sendable, Equatable {
    package let opening: Signed<OpeningStatement>
    /// The digest of the request that the grant came from.
    package let request: Digest
    package let grant: GrantID
    /// The device that signed the opening.
    package let device: PublicKey
    package let leaseVersion: Int64
    package let notAfter: Timestamp
    /// When the grant's time is up, in nanoseconds of the boot-time clock of boot ``bootID``.
    package let deadline: Int64
    package let bootID: String
    package let sessionMaximum: Duration
    package let idleLimit: Duration
    package let idleCounts: Entitlement.Activity
    /// How long the session lives without a word from the broker; `nil` until its deadline.
    package let renewWithin: Duration?
    /// How long the session waits for a client whose connection was lost.
    package let detachedFor: Duration
    /// Whose consent the session rests on.
    package let consent: Consent
    package let startedAt: Timestamp
    /// How the charter wants the session set up.
    package let settings: SessionSettings
    /// The argument vector of a command document; `nil` for what the opening says itself.
    package let program: [String]?
    /// The path of the session's control group, where there is one.
    package var group: String?

    package var id: SessionID { opening.id }
    /// Where a login came from, in the node's own records: it finds the entry again.
    var loginHost: String { "stint:\(id)" }

    package init(
        opening: Signed<OpeningStatement>, request: Digest, device: PublicKey, lease: Lease, anchor: GrantAnchor,
        startedAt: Timestamp
    ) {
        self.opening = opening
        self.request = request
        grant = lease.grant
        self.device = device
        leaseVersion = anchor.leaseVersion
        notAfter = lease.notAfter
        deadline = anchor.deadline
        bootID = anchor.bootID
        sessionMaximum = lease.sessionMaximum
        idleLimit = lease.idleLimit
        idleCounts = lease.idleCounts
        renewWithin = lease.withoutBroker == .lease ? lease.renewWithin : nil
        detachedFor = lease.detachedFor
        consent = lease.consent
        self.startedAt = startedAt
        settings = lease.settings
        program = lease.program
        group = nil
    }

    package var json: JSONValue {
        .object([
            "opening": opening.source.json, "request": .string(request.hex), "grant": .string(grant.description),
            "device": .string(device.hex), "lease": .integer(leaseVersion), "notAfter": .integer(notAfter.milliseconds),
            "deadline": .integer(deadline), "boot": .string(bootID),
            "sessionMaximum": .integer(sessionMaximum.wholeMilliseconds), "idle": .integer(idleLimit.wholeMilliseconds),
            "idleCounts": .string(idleCounts.rawValue),
            "renewWithin": renewWithin.map { .integer($0.wholeMilliseconds) } ?? .null,
            "detachedFor": .integer(detachedFor.wholeMilliseconds),
            "consent": .string(consent.rawValue), "startedAt": .integer(startedAt.milliseconds), "group": group.map { .string($0) } ?? .null,
            "settings": settings.json, "program": program.map { .array($0.map { .string($0) }) } ?? .null,
        ])
    }

    package init(_ value: JSONValue) throws {
        var reader = try ObjectReader(value)
        opening = try Signed(SignedText(try reader.value("opening")))
        request = try Self.digest(try reader.string("request", maximum: 64))
        grant = try GrantID(try reader.string("grant", maximum: 16))
        guard let device = PublicKey(hex: try reader.string("device", maximum: 64)) else {
            throw EvidenceError.signatureMalformed
        }
        self.device = device
        leaseVersion = try reader.integer("lease", in: 1...1_000_000)
        notAfter = Timestamp(milliseconds: try reader.integer("notAfter", in: Timestamp.validRange))
        deadline = try reader.integer("deadline", in: 0...Int64.max)
        bootID = try reader.string("boot", maximum: 64)
        sessionMaximum = .milliseconds(try reader.integer("sessionMaximum", in: 1...Self.longest))
        idleLimit = .milliseconds(try reader.integer("idle", in: 1...Self.longest))
        guard let counts = Entitlement.Activity(rawValue: try reader.string("idleCounts", maximum: 32)) else {
            throw EvidenceError.typeUnknown("idleCounts")
        }
        idleCounts = counts
        switch try reader.value("renewWithin") {
        case .integer(let milliseconds) where (1...Self.longest).contains(milliseconds):
            renewWithin = .milliseconds(milliseconds)
        case .null: renewWithin = nil
        default: throw EvidenceError.typeUnknown("renewWithin")
        }
        detachedFor = .milliseconds(try reader.integer("detachedFor", in: 1...Self.longest))
        guard let consent = Consent(rawValue: try reader.string("consent", maximum: 32)) else { throw EvidenceError.typeUnknown("consent") }
        self.consent = consent
        startedAt = Timestamp(milliseconds: try reader.integer("startedAt", in: Timestamp.validRange))
        group = try reader.value("group").asString
        var settings = try ObjectReader(try reader.value("settings"))
        self.settings = try SessionSettings(&settings)
        try settings.finish()
        let hasProgram = try reader.value("program") != .null
        program = hasProgram ? try reader.strings("program", maximum: CommandDocument.maximumWords) : nil
        try reader.finish()
    }

    /// 366 days, in milliseconds.
    private static let longest: Int64 = 366 * 86_400_000

    private static func digest(_ text: String) throws -> Digest {
        guard let digest = Digest(hex: text) else { throw EvidenceError.internalFailure("a digest is malformed") }
        return digest
    }
}
