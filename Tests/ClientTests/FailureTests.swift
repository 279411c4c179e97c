// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import Protocol
import Testing
import Transport

@testable import Client

@Suite struct FailureTests {
    @Test func `every kind of failure has the status that the manual promises`() throws {
        let name = try PersonName("bob")
        let id = try RequestID("r-7k2p9x")
        let endpoint = Endpoint(host: "127.0.0.1", port: 1)
        let rows: [(any Error, Int32)] = [
            (Refusal.durationMalformed("x"), 2), (TokenError.notAToken, 2), (ClientError.needsConfirmation, 2),
            (Refusal.noEntitlement(name), 3), (Refusal.voterIsRequester(id), 3), (Refusal.reasonTooShort(1, minimum: 2), 3),
            (ClientError.noCoveringGrant("for `shell` on node `n`", hint: ""), 3),
            (ClientError.requestEnded("r-7k2p9x", state: "denied"), 3),
            (Refusal.noNodeMatches(.everything), 4), (ClientError.notFound("x"), 4), (ClientError.nothingLive, 4),
            (Refusal.requestResolved(id, .denied), 5), (Refusal.alreadyVoted(id), 5),
            (TokenError.expired(.now()), 5), (EvidenceError.invitationUsed, 5), (EvidenceError.nameTaken(kind: "node", "x"), 5),
            (TransportError.unreachable(endpoint, errno: 111), 6), (TransportError.timedOut(doing: "x"), 6),
            (ClientError.notJoined("/x"), 7), (Refusal.personDisabled(name), 7), (Refusal.deviceUnknown(name), 7),
            (TransportError.wrongKey(expected: [], found: []), 7), (TransportError.refusedByPeer(alert: "x"), 7),
            (EvidenceError.rollForked(3), 1), (EvidenceError.ledgerBroken(number: 1, what: "x"), 1),
            (EvidenceError.ledgerBehind(here: 1, seen: 2, at: .now()), 1), (TestFailure("x"), 1),
        ]
        for (error, status) in rows { #expect(Failures.explain(error).status == status, "\(error)") }
    }

    @Test func `a code that is not in the table goes by the status of the broker's answer`() {
        let statuses = [401: 7, 403: 3, 404: 4, 409: 5, 503: 6, 400: 1, 500: 1]
        for (http, status) in statuses {
            let problem = Problem(status: http, code: "new.code", message: "x")
            #expect(Failures.explain(problem).status == Int32(status))
        }
        // A broker without room is out of reach for sessions; nobody refused them.
        #expect(Failures.explain(Problem(status: 503, code: "recording.no-room", message: "x")).status == 6)
        #expect(Failures.status(code: "recording.no-room") == 6)
    }

    @Test func `the same refusal has one status, whether it was found here or by the broker`() throws {
        let id = try RequestID("r-7k2p9x")
        let refusals: [Refusal] = [
            .noCharter, .charterUnknown(2), .personUnknown(try PersonName("x")), .tooManyNodes(501), .noCommonNode(id),
            .seatsNotFilled(id, missing: []), .notTheHolder(id.sibling()), .grantOver(id.sibling(), .ended, nil),
            .mayNotEnd("x"), .clockDisagrees(signed: .now(), here: .now()), .notYetDue("x"), .selectorMalformed("x", reason: "y"),
        ]
        for refusal in refusals {
            let problem = Problem(refusal)
            #expect(Failures.explain(refusal).code == Failures.explain(problem).code)
            if Failures.explain(refusal).status != 1 {
                #expect(Failures.explain(refusal).status == Failures.explain(problem).status, "\(refusal)")
            }
        }
    }

}
