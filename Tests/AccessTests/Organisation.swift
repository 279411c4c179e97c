// SPDX-License-Identifier: Apache-2.0

import Access

/// A small organisation: anna and bob of ops, carl and dora of security, eve of nothing; three nodes.
struct Organisation {
    static let asked = Timestamp(milliseconds: 1_800_000_000_000)

    var directory: Directory

    init(_ entitlement: Entitlement? = nil, current: Entitlement? = nil) throws {
        let first = try entitlement ?? Self.entitlement()
        directory = Directory(
            charters: [Charter(version: 1, administrators: [try PersonName("anna")], policy: Policy(entitlements: [first]))])
        if let current {
            directory.charters.append(
                Charter(version: 2, administrators: [try PersonName("anna")], policy: Policy(entitlements: [current])))
        }
        for (index, (name, groups)) in [
            ("anna", ["ops"]), ("bob", ["ops"]), ("carl", ["security"]), ("dora", ["security", "ops"]), ("eve", []),
        ].enumerated() {
            let person = try Self.person(name, groups, key: UInt8(index + 1))
            directory.people[person.name] = person
        }
        for (index, (name, tags)) in [("db-1", "env=prod,role=db"), ("db-2", "env=prod,role=db"), ("web-1", "env=prod,role=web")]
            .enumerated()
        {
            let node = Node(name: try NodeName(name), key: Self.key(UInt8(100 + index)), tags: try Tags(parsing: tags))
            directory.nodes[node.name] = node
        }
    }

    static func key(_ byte: UInt8) -> PublicKey {
        PublicKey(bytes: Array(repeating: byte, count: PublicKey.length)) ?? PublicKey.zero
    }

    static func person(_ name: String, _ groups: [String], key: UInt8 = 0) throws -> Person {
        Person(
            name: try PersonName(name), groups: Set(try groups.map { try GroupName($0) }),
            devices: [Device(key: Self.key(key), label: "laptop")])
    }

    /// Ops asks for production; one of ops and one of security agree.
    static func entitlement(_ change: (inout Entitlement) throws -> Void = { _ in }) throws -> Entitlement {
        var entitlement = Entitlement(
            name: try EntitlementName("prod"), requesters: [try Principal("group:ops")], nodes: try Selector("env=prod"),
            capabilities: [.shell, .exec], runAs: [try RunAsRule("deploy"), try RunAsRule("root")],
            seats: [try seat(1, "group:ops"), try seat(1, "group:security")])
        try change(&entitlement)
        return entitlement
    }

    static func seat(_ count: Int, _ principals: String...) throws -> Seat {
        Seat(count: count, of: try principals.map { try Principal($0) })
    }

    static func terms(
        by person: String = "anna", on selector: String = "role=db", for duration: Duration = .seconds(3600),
        capabilities: Set<Capability> = [.shell], runAs: String = "deploy", reason: String = "disk is full again",
        entitlement: String = "prod", charter: Int64 = 1
    ) throws -> RequestTerms {
        RequestTerms(
            id: try RequestID("7k2p9x"), person: try PersonName(person), entitlement: try EntitlementName(entitlement),
            charterVersion: charter, selector: try Selector(selector), capabilities: capabilities,
            runAs: try RunAsName(user: runAs), duration: duration, reason: reason, at: asked)
    }

    static func ask(
        by person: Person, on selector: String = "role=db", for duration: Duration = .seconds(3600),
        capabilities: Set<Capability> = [.shell], runAs: String? = nil, reason: String = "disk is full again"
    ) throws -> Entitlement.Ask {
        Entitlement.Ask(
            person: person, selector: try Selector(selector), capabilities: capabilities,
            runAs: try runAs.map { try RunAsName(user: $0) }, duration: duration, reason: reason)
    }

    static func approval(
        by person: String, nodes: [String] = ["db-1", "db-2"], for duration: Duration = .seconds(3600), after seconds: Int64 = 60
    ) throws -> Vote {
        Vote(
            person: try PersonName(person),
            verdict: .approve(nodes: Set(try nodes.map { try NodeName($0) }), duration: duration), note: "",
            at: asked + .seconds(seconds))
    }

    static func denial(by person: String, after seconds: Int64 = 60) throws -> Vote {
        Vote(person: try PersonName(person), verdict: .deny, note: "", at: asked + .seconds(seconds))
    }

    func person(_ name: String) throws -> Person {
        guard let person = directory.people[try PersonName(name)] else { throw Refusal.personUnknown(try PersonName(name)) }
        return person
    }

    mutating func disable(_ name: String) throws { directory.people[try PersonName(name)]?.isEnabled = false }
}

extension PublicKey {
    fileprivate static var zero: PublicKey {
        guard let key = PublicKey(hex: String(repeating: "0", count: 64)) else { preconditionFailure("64 digits are a key") }
        return key
    }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
