// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Rules that can never apply: what the text alone tells, and what the people and nodes there are tell.
extension PolicyReview {
    /// What no directory is needed for.
    mutating func lookForIdleRules() {
        for (index, rule) in policy.entitlements.enumerated() { lookForProhibition(of: rule, "entitlements[\(index)]") }
        let named = Set(policy.entitlements.flatMap(Self.principals).compactMap { principal in
            if case .roster(let name) = principal { name } else { nil }
        })
        for (index, roster) in policy.rosters.enumerated() where !named.contains(roster.name) {
            warn("rosters[\(index)].name", "no rule names the roster `\(roster.name)`")
        }
        let allowed = policy.entitlements.reduce(into: Set<Capability>()) { $0.formUnion($1.capabilities) }
        for (index, document) in policy.documents.enumerated() where !allowed.contains(.document(document.name)) {
            warn("documents[\(index)].name", "no rule allows `exec:\(document.name)`")
        }
    }

    private static func principals(of rule: Entitlement) -> [Principal] {
        rule.requesters + rule.seats.flatMap(\.of) + (rule.watching.by ?? []) + (rule.breakGlass?.requesters ?? [])
            + (rule.breakGlass?.reviewers ?? [])
    }

    /// Capabilities that one rule of `forbid` takes from everybody, wherever the entitlement reaches.
    private mutating func lookForProhibition(of rule: Entitlement, _ path: String) {
        let users = rule.runAs.compactMap { user in
            if case .user(let name) = user { name } else { nil }
        }
        let barring = policy.forbid.filter { forbid in
            forbid.requesters == nil && (forbid.nodes == .everything || forbid.nodes == rule.nodes)
                && (forbid.runAs.map { users.count == rule.runAs.count && Set(users).isSubset(of: $0) } ?? true)
        }
        let taken = rule.capabilities.sorted().compactMap { capability in
            barring.first { $0.capabilities?.contains { $0.forbids(capability) } ?? true }.map { (capability, $0.name) }
        }
        for (capability, name) in taken {
            warn(
                path + ".capabilities",
                taken.count == rule.capabilities.count
                    ? "`\(rule.name)` can never apply: the rule `\(name)` forbids `\(capability.rawValue)` wherever it reaches"
                    : "`\(capability.rawValue)` can never be had: the rule `\(name)` forbids it wherever `\(rule.name)` reaches")
        }
    }

    /// What nobody or no node there is falls under.
    mutating func lookForIdleRules(in directory: Directory) {
        for (index, rule) in policy.forbid.enumerated() {
            lookForPeople(rule.requesters, "forbid[\(index)].requesters", directory)
            if rule.nodes.variables.isEmpty { lookForNodes(rule.nodes, "forbid[\(index)].nodes", directory) }
        }
        for (index, rule) in policy.entitlements.enumerated() {
            lookForPeople(rule.watching.by, "entitlements[\(index)].watching.by", directory)
        }
        for (index, rule) in policy.preferences.enumerated() { lookForNodes(rule.nodes, "preferences[\(index)].nodes", directory) }
        for (index, rule) in policy.retention.enumerated() { lookForNodes(rule.nodes, "retention[\(index)].nodes", directory) }
        let known = policy.withStatements(of: directory)
        for (index, roster) in known.rosters.enumerated() {
            guard case .statements(let signed) = roster.source, signed.published.isEmpty else { continue }
            warn(
                "rosters[\(index)].key", "no statement under this key is published, so nobody is on call",
                hint: "Publish one when the policy is in force: stint roster publish FILE")
        }
    }

    private mutating func lookForPeople(_ principals: [Principal]?, _ path: String, _ directory: Directory) {
        guard let principals else { return }
        let isSomebody = directory.people.values.contains { person in
            person.isEnabled && principals.contains { means(person, by: $0) }
        }
        if !isSomebody { warn(path, "it means nobody", hint: "Invite people into those groups.") }
    }

    /// Says also which condition no node fulfils, where it is one alone.
    mutating func lookForNodes(_ selector: Selector, _ path: String, _ directory: Directory) {
        guard directory.nodes(matching: selector).isEmpty else { return }
        warn(path, "no node matches `\(selector)`", hint: Self.hint(for: selector, directory))
    }

    static func hint(for selector: Selector, _ directory: Directory) -> String? {
        let nodes = directory.nodes.values.filter(\.isEnabled)
        for condition in selector.conditions where condition.key != "name" {
            let values = Set(nodes.compactMap { $0.tags[condition.key] })
            guard !values.isEmpty else {
                let keys = Set(nodes.flatMap { $0.tags.keys }).sorted()
                return "No node has the tag `\(condition.key)`" + (keys.isEmpty ? "." : "; tags are \(keys.joined(separator: ", ")).")
            }
            let isVariable = condition.values.contains { $0.utf8.contains(UInt8(ascii: "$")) }
            guard isVariable || condition.values.contains(where: values.contains) else {
                return "No node has `\(condition.key)=\(condition.values.joined(separator: "|"))`; values are \(values.sorted().joined(separator: ", "))."
            }
        }
        return nil
    }
}
