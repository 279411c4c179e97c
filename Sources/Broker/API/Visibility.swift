// SPDX-License-Identifier: Apache-2.0
// SECURITY: who may know of what. To somebody who may not know of a thing it looks as if it did not exist (P7).

import Access
import Storage

/// What one person may see.
struct Visibility {
    let person: Person
    let directory: Directory

    var isAdministrator: Bool { directory.isAdministrator(person.name) }

    func mayDecide(_ terms: RequestTerms) -> Bool {
        do {
            let rules = try EntitlementInForce(for: terms, in: directory)
            return rules.voteRefusal(of: person.name, on: terms, in: directory) == nil
        } catch {
            return false  // a request that no longer stands can be decided by nobody
        }
    }

    func mayReview(_ terms: RequestTerms) -> Bool { Review.refusal(of: person.name, on: terms, in: directory) == nil }

    /// The requester, those who may or did vote, and administrators.
    func sees(_ request: StoredRequest) -> Bool {
        request.machine.terms.person == person.name || isAdministrator || holdsSeat(of: request.machine.terms)
            || request.machine.votes.contains { $0.person == person.name }
    }

    private func holdsSeat(of terms: RequestTerms) -> Bool {
        guard let rule = directory.charter?.policy.entitlement(terms.entitlement) else { return false }
        let seats = terms.extends == nil ? rule.seats : rule.forExtensions.seats
        return seats.contains { mayMean($0.of) } || terms.isBreakGlass && mayMean(Review.reviewers(of: terms, in: directory))
    }

    /// Nodes that the person may ask for, or decide about.
    func sees(_ node: Node) -> Bool {
        isAdministrator
            || (directory.charter?.policy.entitlementsAndBroken ?? []).contains { rule in
                isFor(rule) && rule.nodes.resolved(for: person).matches(node) || decides(rule, on: node)
            }
    }

    private func isFor(_ rule: Entitlement) -> Bool { mayMean(rule.requesters) }

    /// Where the nodes go by an attribute of the requester, an approver may see those of every requester there is.
    private func decides(_ rule: Entitlement, on node: Node) -> Bool {
        guard rule.seats.contains(where: { mayMean($0.of) }) || mayMean(rule.reviewers) else { return false }
        guard !rule.nodes.variables.isEmpty else { return rule.nodes.matches(node) }
        return directory.people.values.contains { requester in
            requester.name != person.name && rule.isFor(requester) && rule.nodes.resolved(for: requester).matches(node)
        }
    }

    private func mayMean(_ principals: [Access.Principal]) -> Bool {
        guard let policy = directory.charter?.policy else { return false }
        return principals.contains { policy.mayMean(person, by: $0) }
    }

    /// Ending needs no quorum: the holder, whoever may decide such a request, and administrators.
    func mayEnd(_ request: StoredRequest) -> Bool { sees(request) }
}
