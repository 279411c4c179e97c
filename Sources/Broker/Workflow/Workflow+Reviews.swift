// SPDX-License-Identifier: Apache-2.0
// SECURITY: breaking glass is written down, counted and told in the transaction that gives the access, and another person
// judges it (P1, P5).

import Access
import Evidence
import Storage
import StrictJSON

extension Workflow {
    /// Gives at once what a request that breaks glass asks for. The grant, the review that it owes and the word on who is
    /// told are one transaction.
    mutating func breakGlass(_ id: RequestID) throws {
        var request = try find(id)
        let version = request.machine.version
        let terms = request.machine.terms
        let spent = try database.brokenGlass(
            by: terms.person, under: terms.entitlement, since: CivilDate.beginningOfMonth(now))
        let overdue = try database.openReviews(of: terms.person).first { $0.machine.isOverdue(at: now) }
        let effect = try request.machine.apply(.breakGlass(spent: spent, overdue: overdue?.request), in: directory, at: now)
        try database.update(request.machine, from: version, at: now)
        try record("request.approved", id, ["breakGlass": true])
        let rules = try EntitlementInForce(for: terms, in: directory)
        let told = rules.toldOfBreakGlass(in: directory)
        let review = Review(request: id, requester: terms.person, dueBefore: now + rules.reviewWithin)
        try database.insert(review, told: told, at: now)
        try record(
            "review.due", id, by: terms.person,
            [
                "digest": .string(request.statement.digest.hex), "dueBefore": .time(review.dueBefore), "told": .names(told),
                "number": .integer(Int64(spent + 1)),
            ])
        if case .ready(let granted) = effect { try makeGrant(granted, of: request) }
        consequences += [.requestChanged(id), .deadlineSet]
    }

    /// Takes another person's judgement.
    mutating func review(_ statement: Signed<ReviewStatement>, from device: PublicKey) throws -> RequestID {
        let judgement = statement.value
        try verify(statement, by: judgement.person, root: judgement.root, sentFrom: device)
        if let known = try database.request(reviewedBy: statement.digest) { return known }
        try checkFresh(judgement.at)
        let request = try find(requestWith: judgement.request)
        guard let person = directory.people[judgement.person],
            Visibility(person: person, directory: directory).sees(request)
        else { throw BrokerError.notFound(kind: "request", request.id.description) }
        guard var review = try database.review(of: request.id) else { throw Refusal.nothingToReview(request.id) }
        let version = review.machine.version
        try review.machine.apply(.judge(judgement.verdict, by: judgement.person), of: request.machine.terms, in: directory, at: now)
        try database.update(review.machine, from: version, statement: statement, at: now)
        try record(
            "review." + review.machine.state.rawValue, request.id, by: judgement.person,
            ["digest": .string(statement.digest.hex), "text": .string(judgement.text)])
        consequences.append(.requestChanged(request.id))
        return request.id
    }

    /// Nobody judged it in time. It is told once.
    mutating func fallDue(_ review: inout StoredReview) throws {
        let request = try find(review.request)
        let version = review.machine.version
        try review.machine.apply(.fallDue, of: request.machine.terms, in: directory, at: now)
        try database.update(review.machine, from: version, at: now)
        try record("review.overdue", review.request, ["dueBefore": .time(review.machine.dueBefore)])
        consequences.append(.requestChanged(review.request))
    }
}
