// SPDX-License-Identifier: Apache-2.0

import Access

/// Five people, two nodes and three entitlements, with limits drawn from the schedule's seed.
enum Organisation {
    static let people = ["anna", "bob", "carl", "dora", "eve"].map(person)
    static let nodeNames = [node("db-1"), node("web-1")]
    private static let groups: [[GroupName]] = [
        [group("ops")], [group("ops")], [group("security")], [group("ops"), group("security")], [],
    ]
    static let entitlements = [entitlement("one"), entitlement("both"), entitlement("two")]
    static let runAs = literal { () throws(Refusal) in try RunAsName(user: "deploy") }
    static let selectors = ["*", "env=prod", "name=db-1"].map { text in literal { () throws(Refusal) in try Selector(text) } }

    static func directory(_ random: inout SeededGenerator) -> Directory {
        var directory = Directory(charters: [charter(1, &random)])
        for (index, name) in people.enumerated() {
            directory.people[name] = Person(
                name: name, groups: Set(groups[index]), devices: [Device(key: key(UInt8(index)), label: "laptop")])
        }
        for (index, name) in nodeNames.enumerated() {
            let tags = literal { () throws(Refusal) in try Tags(parsing: "env=prod") }
            directory.nodes[name] = Node(name: name, key: key(UInt8(100 + index)), tags: tags)
        }
        return directory
    }

    /// A charter with limits of its own; later ones differ, so that the stricter has to win.
    static func charter(_ version: Int64, _ random: inout SeededGenerator) -> Charter {
        let seats: [[Seat]] = [
            [Seat(count: 1, of: [.group(group("ops"))])],
            [Seat(count: 1, of: [.group(group("ops"))]), Seat(count: 1, of: [.group(group("security"))])],
            [Seat(count: 2, of: [.group(group("ops")), .group(group("security"))])],
        ]
        let rules = zip(entitlements, seats).map { name, seats in
            Entitlement(
                name: name, requesters: [.group(group("ops")), .group(group("security"))], nodes: .everything,
                capabilities: [.shell], runAs: [.user(runAs)], seats: seats,
                maximumDuration: .seconds(random.between(60, 900)), sessionMaximum: .seconds(random.between(60, 1200)),
                idleLimit: .seconds(random.between(60, 600)), idleCounts: random.chance(50) ? .input : .inputAndOutput,
                minimumReasonLength: 1, denyThreshold: random.chance(80) ? 1 : 2, pendingFor: .seconds(random.between(60, 900)),
                activateWithin: .seconds(random.between(60, 600)), lease: .seconds(random.between(30, 90)),
                withoutBroker: random.chance(75) ? .lease : .untilDeadline)
        }
        return Charter(version: version, administrators: [people[0]], policy: Policy(entitlements: rules))
    }

    static func key(_ byte: UInt8) -> PublicKey {
        guard let key = PublicKey(bytes: Array(repeating: byte, count: PublicKey.length)) else { preconditionFailure("32 bytes") }
        return key
    }

    private static func person(_ text: String) -> PersonName { literal { () throws(Refusal) in try PersonName(text) } }
    private static func node(_ text: String) -> NodeName { literal { () throws(Refusal) in try NodeName(text) } }
    private static func group(_ text: String) -> GroupName { literal { () throws(Refusal) in try GroupName(text) } }
    private static func entitlement(_ text: String) -> EntitlementName { literal { () throws(Refusal) in try EntitlementName(text) } }

    /// What is written in this file is well formed.
    private static func literal<Value>(_ make: () throws(Refusal) -> Value) -> Value {
        do {
            return try make()
        } catch {
            preconditionFailure(error.message)
        }
    }
}
