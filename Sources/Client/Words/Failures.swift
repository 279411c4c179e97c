// SPDX-License-Identifier: Apache-2.0

package import CommandLineKit
import Evidence
import Posix
import Protocol
import StrictJSON
import Terminal
import Transport

/// Turns whatever went wrong into a code, a sentence, a next step and an exit status (DESIGN 10).
package enum Failures {
    package static let statuses: [CommandDeclaration.ExitStatus] = [
        .init(0, "Done."), .init(1, "Failed."), .init(2, "The command line was not understood."),
        .init(3, "Refused by the policy, or by a person."), .init(4, "There is no such thing, or you may not see it."),
        .init(5, "It is in a state in which this cannot be done."), .init(6, "The broker or node cannot be reached."),
        .init(7, "Not authenticated: no key, a key open to others, an unknown or disabled device."),
    ]

    /// Codes, and prefixes of codes with their trailing dot; the first row that fits counts. What is not in here goes by
    /// the HTTP status of the broker's answer, or is 1.
    private static let table: [(status: Int32, codes: [String])] = [
        // Who you are.
        (7, [
            "authentication.", "client.not-joined", "key.locked", "key.wrong-passphrase", "client.key-damaged", "device.unknown", "person.disabled",
            "system.open-to-others", "system.owned-by-another", "system.parent-writable-by-others",
            "transport.refused-by-peer", "transport.unacceptable-certificate", "transport.wrong-key",
        ]),
        // What you typed.
        (2, [
            "capability.unknown", "client.ambiguous", "client.needs-confirmation", "client.nobody-to-pick", "duration.malformed", "id.malformed",
            "copy.needs-folder", "copy.no-name", "copy.malformed", "destination.malformed", "destination.forbidden",
            "key.not-given", "name.malformed", "principal.malformed", "search.", "selector.malformed", "tag.malformed",
            "time.malformed", "token.damaged", "token.malformed",
            "token.wrong-kind", "transport.bad-endpoint",
        ]),
        (127, ["command.not-found"]),
        // Too late, too early, already.
        (5, [
            "charter.administrator-already", "charter.consent-expired", "charter.consent-stale", "charter.outdated",
            "client.already-joined", "extension.grant-not-active", "extension.lease-changed", "extension.pending", "founding.",
            "grant.activation-deadline-passed", "grant.already-active", "grant.over", "grant.too-early", "hold.exists", "invitation.",
            "proposal.expired", "proposal.over", "proposal.stale", "request.already-resolved", "request.deadline-passed",
            "review.already-judged", "roster.forked", "roster.not-later", "roster.published-already", "roster.replayed",
            "roll.founded-already", "roll.key-taken", "roll.last-administrator", "roll.name-taken", "session.not-open",
            "session.over", "session.not-live", "session.carries", "recording.not-finished", "state.", "token.expired", "vote.already-voted",
        ]),
        // Not there, or not for you to see.
        (4, [
            "client.not-found", "grant.not-found", "hold.not-found", "node.unknown", "person.unknown", "recording.not-found",
            "proposal.not-found", "request.not-found", "roll.unknown-subject", "selector.no-node", "session.not-found",
        ]),
        // Not reachable.
        (6, [
            "broker.overloaded", "node.not-connected", "node.silent", "recording.no-room", "session.node-away", "session.timed-out", "storage.",
            "transport.closed", "transport.name-not-found", "transport.timed-out", "transport.truncated",
            "transport.unreachable",
        ]),
        // Evidence that does not hold is a failure, whoever refused it.
        (1, ["clock.", "evidence.", "internal", "lease.", "ledger.", "node.distrusts-broker", "policy.invalid", "roll.", "session.not-begun", "session.recorder-failed"]),
        // Refused.
        (3, [
            "charter.", "document.", "duration.", "end.", "extension.", "field.", "grant.", "person.", "policy.", "proposal.", "reason.",
            "request.", "review.", "roster.", "schedule.", "vote.", "watch.",
        ]),
    ]

    package static func status(code: String, http: Int? = nil) -> Int32 {
        let row = table.first { row in
            row.codes.contains { $0.utf8.last == UInt8(ascii: ".") ? code.utf8.starts(with: $0.utf8) : code == $0 }
        }
        if let row { return row.status }
        switch http {
        case 401: return 7
        case 403: return 3
        case 404: return 4
        case 409: return 5
        case 502, 503, 504: return 6
        default: return 1
        }
    }

    package static func explain(_ error: any Error) -> Program.Failure {
        let (code, message, hint) = words(of: error)
        let status = status(code: code, http: (error as? Problem)?.status)
        return Program.Failure(code: code, message: message, hint: hint, status: status)
    }

    package static func message(of error: any Error) -> String { words(of: error).message }

    package static func words(of error: any Error) -> (code: String, message: String, hint: String?) {
        switch error {
        case let error as any Explainable: (error.code, error.message, error.hint)
        case let error as SystemError: (error.code, error.message, error.hint)
        case let error as TransportError: (error.code, error.message, error.hint)
        case let error as AsciicastError: (error.code, error.message, error.hint)
        case let error as WebSocketError: (error.code, error.message, nil)
        case let error as FrameError: ("frame.malformed", error.message, nil)
        default: ("internal", "Something failed that should not: \(error).", nil)
        }
    }
}
