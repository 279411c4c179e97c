// SPDX-License-Identifier: Apache-2.0
// SECURITY: a review is seen by whoever sees its request.

import Access
import Evidence
import Protocol
import Storage
import StrictJSON
import Transport

extension API {
    func review(_ call: Call) throws {
        let (person, device) = try call.principal.person()
        let statement: Signed<ReviewStatement> = try call.statement(of: device)
        core.write { try $0.review(statement, from: device) } completion: { [self] result in
            switch result {
            case .success(let id): read(call) { [self] database in try requestObject(id, for: person, in: database) }
            case .failure(let error): call.responder.fail(error)
            }
        }
    }

    /// `to-do`: those that wait for the caller; `mine`: those of the caller's own requests; `all`: all that may be seen.
    func listReviews(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        let scope = call.parameter("scope") ?? "to-do"
        guard ["to-do", "mine", "all"].contains(scope) else { throw BrokerError.parameterMalformed("scope") }
        read(call) { [core] database in
            let roll = core.roll.current
            let visibility = Visibility(person: person, directory: roll.directory)
            let found =
                switch scope {
                case "to-do": try database.openReviews()
                case "mine": try database.openReviews(of: person.name)
                default: try database.reviews(limit: Limits.listRows)
                }
            let presentation = Presentation(database: database, roll: roll)
            var items: [JSONValue] = []
            for review in found {
                guard let request = try database.request(review.request), visibility.sees(request) else { continue }
                if scope == "to-do", !visibility.mayReview(request.machine.terms) { continue }
                items.append(try presentation.request(request))
            }
            return .items(items)
        }
    }
}
