// SPDX-License-Identifier: Apache-2.0

/// A request of the past under another policy, with the people and nodes of today.
package struct Replay: Sendable {
    package struct Outcome: Sendable, Equatable {
        /// `pending`, `approved`, `denied`, or the code of a refusal.
        package let word: String
        package let detail: String
    }

    private let terms: RequestTerms
    private let votes: [Vote]
    private let directory: Directory

    package init(_ terms: RequestTerms, votes: [Vote], in directory: Directory) {
        self.terms = terms
        self.votes = votes
        self.directory = directory
    }

    /// What `policy` would have decided. The request's own entitlement is asked where the policy has it, otherwise the best.
    package func outcome(under policy: Policy) -> Outcome {
        var world = directory
        world.charters = [Charter(version: 1, administrators: [], policy: policy)]
        do throws(Refusal) {
            guard let person = world.people[terms.person] else { throw .personUnknown(terms.person) }
            let ask = Entitlement.Ask(
                person: person, selector: terms.selector, capabilities: terms.capabilities, runAs: terms.runAs,
                duration: terms.duration, reason: terms.reason, fields: terms.fields, at: terms.at, start: terms.start)
            let wanted = policy.entitlement(terms.entitlement) == nil ? nil : terms.entitlement
            let chosen = try terms.isBreakGlass
                ? policy.chooseForBreakGlass(ask, wanted: wanted, in: world) : policy.choose(for: ask, wanted: wanted, in: world)
            let asked = RequestTerms(
                id: terms.id, person: terms.person, entitlement: chosen.name, charterVersion: 1, selector: terms.selector,
                capabilities: terms.capabilities, runAs: terms.runAs, duration: terms.duration, reason: terms.reason,
                fields: terms.fields, isBreakGlass: terms.isBreakGlass, at: terms.at, start: terms.start)
            switch try Approval.judge(asked, votes: votes, in: world) {
            case .pending(let missing):
                return Outcome(word: "pending", detail: "missing " + missing.map(\.description).joined(separator: " and "))
            case .denied(let person): return Outcome(word: "denied", detail: "by \(person)")
            case .approved: return Outcome(word: "approved", detail: "")
            }
        } catch {
            return Outcome(word: error.code, detail: error.message)
        }
    }
}
