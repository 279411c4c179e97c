// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// What is wrong with a policy for the people and nodes that there are: what no parser can see.
package struct PolicyReview: Sendable {
    package struct Finding: Sendable, Equatable {
        /// A rule that can never work; otherwise one that does nothing today.
        package let isError: Bool
        /// With file, line and column.
        package let message: String
        package let hint: String?
    }

    package let policy: Policy
    package private(set) var findings: [Finding] = []
    private let document: JSON5Document

    /// - Parameter directory: `nil` where nobody is known: only the text is looked at.
    /// - Throws: ``PolicyError`` for a text that is no policy.
    package init(_ text: String, file: String, in directory: Directory?) throws(PolicyError) {
        policy = try Policy(parsing: text, file: file)
        do throws(ConfigurationError) {
            document = try JSON5Document(parsing: Array(text.utf8), file: file)
        } catch {
            throw PolicyError(message: error.message, hint: error.hint)
        }
        for index in policy.entitlements.indices { look(at: policy.entitlements[index], "entitlements[\(index)]", directory) }
        lookForIdleRules()
        guard let directory else { return }
        lookForIdleRules(in: directory)
        lookAtAdministrators(directory)
        for (index, roster) in policy.rosters.enumerated() {
            guard case .turns(let turns) = roster.source else { continue }
            for (place, name) in turns.people.enumerated() where directory.people[name]?.isEnabled != true {
                warn("rosters[\(index)].people[\(place)]", "there is no person `\(name)`, so nobody is on call in that week")
            }
        }
    }

    private mutating func look(at rule: Entitlement, _ path: String, _ directory: Directory?) {
        guard let directory else { return }
        let people = directory.people.values.filter(\.isEnabled).sorted { $0.name < $1.name }
        let requesters = people.filter { person in rule.requesters.contains { means(person, by: $0) } }
        if requesters.isEmpty { warn(path + ".requesters", "nobody is a requester of `\(rule.name)`", hint: "Invite people into its groups.") }
        lookForNodes(of: rule, path, requesters, directory)
        lookAtSeats(of: rule, path, people, requesters)
        if let total = rule.extending.total, total < rule.maximumDuration, rule.extending.count > 0 {
            warn(path + ".extension.total", "a grant of the longest duration, \(DurationText.format(rule.maximumDuration)), cannot be extended")
        }
        if case .seats(let seats) = rule.extending.approval {
            var extended = rule
            extended.seats = seats
            lookAtSeats(of: extended, path + ".extension", people, requesters)
        }
        lookAtBreakGlass(of: rule, path, people, directory)
    }

    private mutating func lookAtAdministrators(_ directory: Directory) {
        guard policy.administratorsToAgree > 1, let charter = directory.charter else { return }
        let able = charter.administrators.count { name in
            directory.isAdministrator(name) && directory.people[name]?.devices.contains(where: \.isEnabled) == true
        }
        do throws(Refusal) {
            try CharterRule.check(policy, isChangeableBy: able)
        } catch {
            return add("charter.administrators", error.message, hint: error.hint, isError: true)
        }
        guard able == policy.administratorsToAgree else { return }
        warn(
            "charter.administrators", "there are just \(able) administrators: when one loses every device, nobody can change the charter",
            hint: "Name a third one: stint admins add NAME")
    }

    private mutating func lookAtBreakGlass(of rule: Entitlement, _ path: String, _ people: [Person], _ directory: Directory) {
        guard let broken = rule.withGlassBroken else { return }
        let here = path + ".breakGlass"
        let requesters = people.filter { person in broken.requesters.contains { means(person, by: $0) } }
        if requesters.isEmpty { warn(here + (rule.breakGlass?.requesters == nil ? "" : ".requesters"), "nobody may break glass under `\(rule.name)`") }
        if rule.breakGlass?.nodes != nil { lookForNodes(of: broken, here, requesters, directory) }
        let stuck = requesters.filter { person in
            !people.contains { other in other.name != person.name && broken.reviewers.contains { means(other, by: $0) } }
        }
        let place = here + (rule.breakGlass?.reviewers == nil ? "" : ".reviewers")
        if !requesters.isEmpty, stuck.count == requesters.count {
            add(
                place, "nobody could review it: besides who breaks the glass there is none of "
                    + broken.reviewers.map(\.description).joined(separator: ", "),
                hint: "Invite people into those groups, or name other `reviewers`.", isError: true)
        } else if !stuck.isEmpty {
            warn(place, "nobody could review what \(stuck.map(\.name.text).joined(separator: ", ")) does, so it is refused to them")
        }
    }

    private mutating func lookForNodes(of rule: Entitlement, _ path: String, _ requesters: [Person], _ directory: Directory) {
        let selectors = rule.nodes.variables.isEmpty ? [rule.nodes] : requesters.map { rule.nodes.resolved(for: $0) }
        let nodes = directory.nodes.values.filter { node in node.isEnabled && selectors.contains { $0.matches(node) } }
        if nodes.isEmpty {
            warn(
                path + ".nodes", "no node matches `\(rule.nodes)`\(rule.nodes.variables.isEmpty ? "" : " for any requester")",
                hint: Self.hint(for: rule.nodes, directory))
            return
        }
        let without = requesters.filter { rule.users(for: $0).isEmpty }
        if !without.isEmpty {
            warn(path + ".runAs", "\(without.map(\.name.text).joined(separator: ", ")) would have no user to run as: the attribute is missing")
        }
        guard without.count < requesters.count else { return }
        let isAllForbidden = nodes.allSatisfy { node in
            requesters.allSatisfy { person in
                rule.users(for: person).allSatisfy { user in
                    rule.capabilities.allSatisfy { policy.prohibition(of: [$0], as: user, by: person, on: node) != nil }
                }
            }
        }
        if isAllForbidden { warn(path + ".nodes", "`forbid` takes everything away that `\(rule.name)` gives") }
    }

    private mutating func lookAtSeats(of rule: Entitlement, _ path: String, _ people: [Person], _ requesters: [Person]) {
        var isError = false
        for (index, seat) in rule.seats.enumerated() {
            let holders = people.filter { person in seat.of.contains { means(person, by: $0) } }
            guard holders.count < seat.count else { continue }
            isError = true
            add(
                path + ".seats[\(index)]", "it takes \(seat.count) of \(seat.of.map(\.description).joined(separator: ", ")), and there "
                    + (holders.isEmpty ? "is nobody" : "are \(holders.count)"),
                hint: "Invite people into those groups, or ask fewer.", isError: true)
        }
        guard !isError, !rule.seats.isEmpty, !requesters.isEmpty else { return }
        let expanded = rule.seats.map { seat in Seat(count: seat.count, of: seat.of.flatMap { everybodyMeant(by: $0, people) }) }
        let stuck = requesters.filter { !Quorum(seats: expanded, voters: people, requester: $0.name).isComplete }
        let names = stuck.map(\.name.text).joined(separator: ", ")
        if stuck.count == requesters.count {
            add(
                path + ".seats", "no request under it could ever be approved: besides the requester too few distinct people hold the seats",
                hint: "One person fills one seat, and never of the own request.", isError: true)
        } else if !stuck.isEmpty {
            warn(path + ".seats", "no request of \(names) could be approved: besides them too few distinct people hold the seats")
        }
    }

    private func everybodyMeant(by principal: Principal, _ people: [Person]) -> [Principal] {
        guard case .roster = principal else { return [principal] }
        return people.filter { means($0, by: principal) }.map { .person($0.name) }
    }

    /// A roster that statements fill may mean everybody.
    func means(_ person: Person, by principal: Principal) -> Bool {
        if case .roster(let name) = principal, case .statements? = policy.roster(name)?.source { return true }
        return policy.mayMean(person, by: principal)
    }

    mutating func warn(_ path: String, _ reason: String, hint: String? = nil) {
        add(path, reason, hint: hint, isError: false)
    }

    private mutating func add(_ path: String, _ reason: String, hint: String?, isError: Bool) {
        let located = document.locate(JSONError(.unacceptable(reason: reason, hint: hint), path: path))
        findings.append(Finding(isError: isError, message: located.message, hint: located.hint))
    }
}
