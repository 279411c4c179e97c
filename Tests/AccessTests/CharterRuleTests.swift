// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// Who must agree before a charter follows another, and who may agree to a proposal.
@Suite struct CharterRuleTests {
    private static let notAfter = Organisation.asked + .seconds(60)

    private func directory(demanding count: Int = 2, _ names: [String] = ["anna", "bob", "carl"]) throws -> Directory {
        var directory = try Organisation().directory
        var policy = Policy(entitlements: [])
        policy.administratorsToAgree = count
        directory.charters = [Charter(version: 1, administrators: Set(try names.map { try PersonName($0) }), policy: policy)]
        return directory
    }

    private func refusal(_ names: [String], demanding count: Int = 2, next: Int = 1, able: Int = 3, disabled: String? = nil) throws -> CharterRefusal? {
        var directory = try directory(demanding: count)
        if let disabled { directory.people[try PersonName(disabled)]?.isEnabled = false }
        var policy = Policy(entitlements: [])
        policy.administratorsToAgree = next
        do {
            try CharterRule.check(agreedBy: try names.map { try PersonName($0) }, next: policy, able: able, in: directory)
            return nil
        } catch Refusal.charter(let refusal) {
            return refusal
        }
    }

    @Test func `as many different administrators agree as are demanded`() throws {
        let names = try ["anna", "bob"].map { try PersonName($0) }
        #expect(try refusal([], demanding: 1) == nil && refusal(["anna"], demanding: 1) == nil)
        #expect(try refusal(["anna", "bob"]) == nil && refusal(["anna", "bob", "carl"]) == nil)
        #expect(try refusal([]) == .consentsMissing(demanded: 2, given: []))
        #expect(try refusal(["bob"]) == .consentsMissing(demanded: 2, given: [names[1]]))
        #expect(try refusal(["anna", "anna"]) == .consentTwice(names[0]))
        #expect(try refusal(["bob", "anna", "bob"], demanding: 1) == .consentTwice(names[1]))
    }

    @Test func `nobody else counts, nor who is disabled`() throws {
        let (dora, bob) = (try PersonName("dora"), try PersonName("bob"))
        #expect(throws: Refusal.notAnAdministrator(dora)) { try refusal(["anna", "bob", "dora"]) }
        #expect(throws: Refusal.notAnAdministrator(dora)) { try refusal(["dora"], demanding: 1) }
        #expect(throws: Refusal.notAnAdministrator(bob)) { try refusal(["anna", "bob"], disabled: "bob") }
    }

    @Test func `the next charter can be changed by those whom it has`() throws {
        #expect(try refusal(["anna", "bob"], next: 2, able: 2) == nil)
        #expect(try refusal(["anna", "bob"], next: 2, able: 1) == .unchangeable(demanded: 2, able: 1))
        #expect(try refusal(["anna", "bob"], able: 1) == nil)
        #expect(try refusal(["anna", "bob"], able: 0) == .unchangeable(demanded: 1, able: 0))
    }

    @Test func `the first charter has nobody before it to agree`() throws {
        try CharterRule.check(agreedBy: [], next: Policy(entitlements: []), able: 1, in: Directory())
    }

    private func refusal(
        by person: String, state: CharterProposal.State = .open, version: Int64 = 2, after: Duration = .zero, proposer: String = "anna"
    ) throws -> Refusal? {
        let proposal = CharterProposal(
            id: try ProposalID("7k2p9x"), by: try PersonName(proposer), state: state, version: version, notAfter: Self.notAfter)
        return proposal.refusal(of: try PersonName(person), in: try directory(), at: Organisation.asked + after)
    }

    @Test func `another administrator agrees while a proposal is open, in time and the next one`() throws {
        let id = try ProposalID("7k2p9x")
        #expect(try refusal(by: "bob") == nil && refusal(by: "bob", after: .seconds(60) - .milliseconds(1)) == nil)
        #expect(try refusal(by: "bob", after: .seconds(60)) == .charter(.proposalExpired(id, Self.notAfter)))
        #expect(try refusal(by: "anna") == .charter(.ownProposal(id)))
        #expect(try refusal(by: "dora") == .notAnAdministrator(try PersonName("dora")))
        #expect(try refusal(by: "bob", proposer: "dora") == .notAnAdministrator(try PersonName("dora")))
        for version in [Int64(1), 3] {
            #expect(try refusal(by: "bob", version: version) == .charter(.proposalStale(id, version: version, current: 1)))
        }
        for state in CharterProposal.State.allCases where state != .open {
            #expect(try refusal(by: "bob", state: state) == .charter(.proposalOver(id, state)))
        }
    }
}
