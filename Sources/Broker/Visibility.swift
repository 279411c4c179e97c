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

    /// The requester, those who may or did vote, and administrators.
    func sees(_ request: StoredRequest) -> Bool {
        request.machine.terms.person == person.name || isAdministrator || holdsSeat(of: request.machine.terms)
            || request.machine.votes.contains { $0.person == person.name }
    }

    private func holdsSeat(of terms: RequestTerms) -> Bool {
        guard let entitlement = directory.charter?.policy.entitlement(terms.entitlement) else { return false }
        return entitlement.seats.contains { $0.includes(person) }
    }

    /// Nodes that the person may ask for, or decide about.
    func sees(_ node: Node) -> Bool {
        isAdministrator
            || (directory.charter?.policy.entitlements ?? []).contains { rule in
                rule.nodes.matches(node) && (rule.isFor(person) || rule.seats.contains { $0.includes(person) })
            }
    }

    /// Ending needs no quorum: the holder, whoever may decide such a request, and administrators.
    func mayEnd(_ request: StoredRequest) -> Bool { sees(request) }
}
