// SPDX-License-Identifier: Apache-2.0

import Access

/// What decisions cost in a large installation: 1,000 entitlements, 10,000 nodes, 5,000 people.
package enum DecisionCost {
    private static let entitlements = 1000
    private static let nodes = 10_000
    private static let people = 5000

    /// Prints median and worst of each decision. Says whether the limits hold: 1 ms, and 1 s for all nodes.
    package static func measure() -> Bool {
        do {
            let large = try Large()
            var holds = true
            holds = try report("a question is covered", limit: .milliseconds(1), rounds: 200) { try large.choose($0) } && holds
            let pending = try (0..<200).map { try large.pending($0) }
            holds = try report("a vote that makes a grant", limit: .milliseconds(1), rounds: 200) { try large.complete(pending[$0]) } && holds
            holds = try report("a node decides an opening", limit: .milliseconds(1), rounds: 200) { try large.open($0) } && holds
            holds = try report("why, over all nodes", limit: .seconds(1), rounds: 3) { try large.why($0) } && holds
            return holds
        } catch {
            print("\(error)")
            return false
        }
    }

    private static func report(_ what: String, limit: Duration, rounds: Int, _ body: (Int) throws -> Void) rethrows -> Bool {
        var times: [Duration] = []
        for round in 0..<rounds {
            let start = ContinuousClock.now
            try body(round)
            times.append(start.duration(to: .now))
        }
        times.sort()
        let median = times[times.count / 2]
        print("\(what): median \(median), worst \(times[times.count - 1]), limit \(limit)")
        return median <= limit
    }

    /// Teams with a right of their own each: who asks is in three of them, as approvers are.
    private struct Large {
        var directory = Directory()
        let asked = Timestamp(milliseconds: 1_800_000_000_000)

        init() throws {
            var rules: [Entitlement] = []
            for team in 0..<entitlements {
                rules.append(
                    Entitlement(
                        name: try EntitlementName("team-\(team)"), requesters: [.group(try GroupName("group-\(team)"))],
                        nodes: try Selector("team=t\(team % 100),env=prod|test"), capabilities: [.shell],
                        runAs: [try RunAsRule("deploy")],
                        seats: [
                            Seat(count: 1, of: [.group(try GroupName("group-\(team)"))]),
                            Seat(count: 1, of: [.group(try GroupName("group-\((team + 1) % entitlements)"))]),
                        ]))
            }
            directory.charters = [Charter(version: 1, administrators: [], policy: Policy(entitlements: rules))]
            for number in 0..<people {
                let name = try PersonName("person-\(number)")
                let groups = [number % entitlements, (number + 1) % entitlements, (number + 7) % entitlements]
                directory.people[name] = Person(
                    name: name, groups: Set(try groups.map { try GroupName("group-\($0)") }),
                    devices: [Device(key: Organisation.key(UInt8(number % 251)), label: "laptop")])
            }
            for number in 0..<nodes {
                let name = try NodeName("node-\(number)")
                directory.nodes[name] = Node(
                    name: name, key: Organisation.key(0),
                    tags: try Tags(parsing: "team=t\(number % 100),env=\(number % 3 == 0 ? "test" : "prod"),rack=r\(number)"))
            }
        }

        private func ask(_ number: Int, _ selector: Selector) throws -> Entitlement.Ask {
            guard let person = directory.people[try PersonName("person-\(number)")] else { throw Refusal.noCharter }
            return Entitlement.Ask(
                person: person, selector: selector, capabilities: [.shell], runAs: nil, duration: .seconds(600),
                reason: "the disk is full again")
        }

        func choose(_ number: Int) throws {
            let ask = try ask(number, Selector("node-\(number % 100)"))
            _ = try directory.charter?.policy.choose(for: ask, wanted: nil, in: directory)
        }

        /// Who may open what: the question of `stint why` for every node there is.
        func why(_ number: Int) throws {
            for node in 0..<nodes {
                let ask = try ask(number, Selector("node-\(node)"))
                do {
                    _ = try directory.charter?.policy.choose(for: ask, wanted: nil, in: directory)
                } catch {
                    continue
                }
            }
        }

        private func terms(_ number: Int) throws -> RequestTerms {
            RequestTerms(
                id: RequestID(digest: [1, 2, 3, 4]), person: try PersonName("person-\(number)"),
                entitlement: try EntitlementName("team-\(number)"), charterVersion: 1,
                selector: try Selector("team=t\(number % 100),env=prod"), capabilities: [.shell],
                runAs: try RunAsName(user: "deploy"), duration: .seconds(600), reason: "the disk is full again", at: asked)
        }

        /// The two who fill the seats, and what they saw.
        private func votes(_ number: Int) throws -> [Vote] {
            let seen = Set(try (0..<nodes).filter { $0 % 100 == number % 100 && $0 % 3 != 0 }.map { try NodeName("node-\($0)") })
            return try [number + 1000, number + 1].map {
                Vote(person: try PersonName("person-\($0)"), verdict: .approve(nodes: seen, duration: .seconds(600)), note: "", at: asked)
            }
        }

        /// A request that one of two has agreed to, and the vote of the other.
        func pending(_ number: Int) throws -> (request: AccessRequest, vote: Vote) {
            let votes = try votes(number)
            var request = AccessRequest(terms: try terms(number), decideBefore: asked + .seconds(600))
            _ = try request.apply(.vote(votes[0]), in: directory, at: asked)
            return (request, votes[1])
        }

        func complete(_ pending: (request: AccessRequest, vote: Vote)) throws {
            var request = pending.request
            _ = try request.apply(.vote(pending.vote), in: directory, at: asked)
        }

        func open(_ number: Int) throws {
            let terms = try terms(number)
            let node = try (0..<nodes).first { $0 % 100 == number % 100 && $0 % 3 != 0 }.map { try NodeName("node-\($0)") }
            guard let node else { return }
            let opening = Opening(
                person: terms.person, device: Organisation.key(UInt8(number % 251)), node: node, capability: .shell,
                runAs: terms.runAs, at: asked)
            _ = try opening.lease(
                under: terms, votes: try votes(number), activation: Activation(person: terms.person, at: asked), in: directory,
                at: asked)
        }
    }
}
