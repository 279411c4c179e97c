// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON

/// Who and what exists in one life, and how it changes meanwhile.
struct LifecycleFacts {
    var directory = Directory()

    let people = ["anna", "bob", "carl", "dora", "eve", "finn"].compactMap { try? PersonName($0) }  // well formed
    let nodes = ["db-1", "db-2", "web-1"].compactMap { try? NodeName($0) }
    let groups = ["ops", "security", "guests"].compactMap { try? GroupName($0) }
    let entitlements = ["narrow", "wide", "strict"].compactMap { try? EntitlementName($0) }
    let users = ["deploy", "root"].compactMap { try? RunAsName(user: $0) }
    let selectors = ["*", "env=prod", "role=db", "role=db|web,env=prod", "name=db-1", "env=test"].compactMap { try? Selector($0) }

    init(_ random: inout SeededGenerator) {
        for (index, name) in people.enumerated() {
            directory.people[name] = Person(
                name: name, groups: someGroups(&random), devices: [Device(key: Organisation.key(UInt8(index)), label: "laptop")])
        }
        for (index, name) in nodes.enumerated() {
            directory.nodes[name] = Node(name: name, key: Organisation.key(UInt8(100 + index)), tags: someTags(&random))
        }
        directory.charters = [charter(1, &random)]
    }

    private func someGroups(_ random: inout SeededGenerator) -> Set<GroupName> {
        var some: Set<GroupName> = []
        for group in groups where random.chance(65) { some.insert(group) }
        return some
    }

    private func someTags(_ random: inout SeededGenerator) -> Tags {
        let text = "env=" + random.pick(["prod", "prod", "prod", "test"]) + ",role=" + random.pick(["db", "web"])
        return (try? Tags(parsing: text)) ?? Tags()  // well formed
    }

    private func somePrincipals(_ random: inout SeededGenerator) -> [Principal] {
        (0..<random.between(1, 2)).map { _ in random.chance(85) ? .group(random.pick(groups)) : .person(random.pick(people)) }
    }

    private func charter(_ version: Int64, _ random: inout SeededGenerator) -> Charter {
        var rules: [Entitlement] = []
        for name in entitlements where version == 1 || random.chance(95) {
            let seats = (0..<random.between(1, 2)).map { _ in Seat(count: random.chance(70) ? 1 : 2, of: somePrincipals(&random)) }
            var rule = Entitlement(
                name: name, requesters: somePrincipals(&random) + [.group(groups[0])], nodes: random.pick(Array(selectors[..<4])),
                capabilities: random.chance(70) ? [.shell, .exec] : [.shell], runAs: (random.chance(70) ? users : [users[0]]).map(RunAsRule.user),
                seats: seats, maximumDuration: .seconds(random.between(60, 900)),
                sessionMaximum: .seconds(random.between(60, 900)), idleLimit: .seconds(random.between(60, 900)),
                minimumReasonLength: Int(random.between(1, 3)), denyThreshold: Int(random.between(1, 2)),
                pendingFor: .seconds(random.between(60, 600)), activateWithin: .seconds(random.between(60, 600)),
                lease: .seconds(random.between(30, 90)), withoutBroker: random.chance(50) ? .lease : .untilDeadline)
            if random.chance(75) { rule.breakGlass = breakGlass(&random) }
            rule.extending = extending(&random)
            rules.append(rule)
        }
        return Charter(version: version, administrators: [people[0]], policy: Policy(entitlements: rules))
    }

    private func extending(_ random: inout SeededGenerator) -> ExtensionRule {
        var rule = ExtensionRule()
        rule.count = Int(random.between(0, 3))
        if random.chance(50) { rule.longest = .seconds(random.between(30, 500)) }
        if random.chance(70) { rule.total = .seconds(random.between(60, 1500)) }
        switch random.between(1, 4) {
        case 1: rule.approval = .automatic
        case 2: rule.approval = .seats([Seat(count: 1, of: somePrincipals(&random))])
        default: break
        }
        return rule
    }

    private func breakGlass(_ random: inout SeededGenerator) -> BreakGlass {
        BreakGlass(
            requesters: random.chance(50) ? somePrincipals(&random) : nil, nodes: random.chance(30) ? random.pick(selectors) : nil,
            capabilities: random.chance(30) ? [.exec] : nil, maximumDuration: .seconds(random.between(60, 900)),
            perMonth: Int(random.between(1, 3)), reviewWithin: .seconds(random.between(30, 300)),
            reviewers: random.chance(50) ? somePrincipals(&random) : nil)
    }

    /// Changes one fact, and says which.
    mutating func change(_ random: inout SeededGenerator) -> JSONObject {
        let person = random.pick(people)
        let node = random.pick(nodes)
        switch random.between(1, 5) {
        case 1: directory.people[person]?.isEnabled.toggle()
        case 2:
            let some = someGroups(&random)
            directory.people[person]?.groups = some
        case 3:
            let some = someTags(&random)
            directory.nodes[node]?.tags = some
        case 4: directory.nodes[node]?.isEnabled.toggle()
        default: directory.charters.append(charter(Int64(directory.charters.count + 1), &random))
        }
        return ["do": "change", "facts": json]
    }

    // MARK: Writing

    var json: JSONValue {
        .object([
            "people": .object(members(people) { name in
                let person = directory.people[name]
                return [
                    "groups": .array((person?.groups.sorted() ?? []).map { .string($0.text) }), "enabled": .bool(person?.isEnabled == true),
                ]
            }),
            "nodes": .object(members(nodes) { name in
                let node = directory.nodes[name]
                let tags = (node?.tags.sorted ?? []).map { JSONValue.string($0.key + "=" + $0.value) }
                return ["tags": .array(tags), "enabled": .bool(node?.isEnabled == true)]
            }),
            "charters": .array(directory.charters.map { .array($0.policy.entitlements.map(json)) }),
        ])
    }

    private func members<Kind>(_ names: [Name<Kind>], _ body: (Name<Kind>) -> JSONObject) -> JSONObject {
        var object = JSONObject()
        for name in names { object[name.text] = .object(body(name)) }
        return object
    }

    private func json(_ rule: Entitlement) -> JSONValue {
        .object([
            "name": .string(rule.name.text), "requesters": .array(rule.requesters.map { .string($0.description) }),
            "nodes": .string(rule.nodes.description), "capabilities": .array(rule.capabilities.sorted().map { .string($0.rawValue) }),
            "runAs": .array(rule.runAs.map { .string($0.description) }), "seats": json(rule.seats),
            "maximumDuration": .integer(rule.maximumDuration.wholeSeconds), "sessionMaximum": .integer(rule.sessionMaximum.wholeSeconds),
            "idleLimit": .integer(rule.idleLimit.wholeSeconds), "minimumReasonLength": .integer(Int64(rule.minimumReasonLength)),
            "denyThreshold": .integer(Int64(rule.denyThreshold)), "pendingFor": .integer(rule.pendingFor.wholeSeconds),
            "activateWithin": .integer(rule.activateWithin.wholeSeconds), "lease": .integer(rule.lease.wholeSeconds),
            "withoutBroker": .string(rule.withoutBroker.rawValue), "breakGlass": rule.breakGlass.map(json) ?? .null,
            "extension": json(rule.extending),
        ])
    }

    private func json(_ seats: [Seat]) -> JSONValue {
        .array(seats.map { seat in .object(["count": .integer(Int64(seat.count)), "of": .array(seat.of.map { .string($0.description) })]) })
    }

    private func json(_ rule: ExtensionRule) -> JSONValue {
        let approval: JSONValue =
            switch rule.approval {
            case .sameSeats: "sameSeats"
            case .automatic: "automatic"
            case .seats(let seats): json(seats)
            }
        return .object([
            "count": .integer(Int64(rule.count)), "longest": rule.longest.map { .integer($0.wholeSeconds) } ?? .null,
            "total": rule.total.map { .integer($0.wholeSeconds) } ?? .null, "approval": approval,
        ])
    }

    private func json(_ rule: BreakGlass) -> JSONValue {
        func list(_ principals: [Principal]?) -> JSONValue { principals.map { .array($0.map { .string($0.description) }) } ?? .null }
        return .object([
            "requesters": list(rule.requesters), "reviewers": list(rule.reviewers), "nodes": rule.nodes.map { .string($0.description) } ?? .null,
            "capabilities": rule.capabilities.map { .array($0.sorted().map { .string($0.rawValue) }) } ?? .null,
            "maximumDuration": .integer(rule.maximumDuration.wholeSeconds), "perMonth": .integer(Int64(rule.perMonth)),
            "reviewWithin": .integer(rule.reviewWithin.wholeSeconds),
        ])
    }
}
