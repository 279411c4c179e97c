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

    /// Codes and prefixes of codes (with a trailing dot) with their status; the first that fits counts. What is not in
    /// here goes by the HTTP status of the broker's answer, or is 1.
    private static let table: [(code: String, status: Int32)] = [
        // 7: who you are
        ("authentication.", 7), ("client.not-joined", 7), ("client.key-damaged", 7), ("system.open-to-others", 7), ("system.owned-by-another", 7),
        ("system.parent-writable-by-others", 7), ("device.unknown", 7), ("person.disabled", 7),
        ("authentication.", 7), ("transport.refused-by-peer", 7), ("transport.wrong-key", 7), ("transport.unacceptable-certificate", 7),
        // 2: what you typed
        ("duration.malformed", 2), ("name.malformed", 2), ("id.malformed", 2), ("tag.malformed", 2),
        ("selector.malformed", 2), ("capability.unknown", 2), ("principal.malformed", 2), ("token.malformed", 2),
        ("token.damaged", 2), ("token.wrong-kind", 2), ("transport.bad-endpoint", 2), ("client.needs-confirmation", 2),
        // 5: too late, too early, already
        ("token.expired", 5), ("invitation.", 5), ("founding.", 5), ("charter.outdated", 5), ("client.already-joined", 5), ("roll.founded-already", 5),
        ("roll.name-taken", 5), ("roll.key-taken", 5), ("roll.last-administrator", 5), ("request.not-approved", 3),
        ("request.already-resolved", 5), ("request.deadline-passed", 5), ("grant.over", 5), ("grant.already-active", 5),
        ("grant.activation-deadline-passed", 5), ("session.over", 5), ("session.not-open", 5), ("vote.already-voted", 5),
        ("state.", 5),
        // 4: not there
        ("client.not-found", 4), ("grant.not-found", 4), ("request.not-found", 4), ("session.not-found", 4),
        ("recording.not-found", 4), ("person.unknown", 4), ("node.unknown", 4), ("selector.no-node", 4),
        ("roll.unknown-subject", 4),
        // 6: not reachable
        ("transport.unreachable", 6), ("transport.name-not-found", 6), ("transport.timed-out", 6), ("transport.closed", 6),
        ("transport.truncated", 6), ("session.timed-out", 6), ("node.not-connected", 6), ("node.silent", 6),
        ("storage.", 6), ("broker.overloaded", 6),
        // 1: evidence that does not hold is a failure, whoever refused it
        ("roll.", 1), ("ledger.", 1), ("evidence.", 1), ("clock.", 1), ("policy.invalid", 1),
        ("lease.", 1), ("session.recorder-failed", 1), ("internal", 1),
        // 3: refused
        ("policy.", 3), ("reason.", 3), ("duration.", 3), ("vote.", 3), ("request.", 3), ("grant.", 3), ("end.", 3),
        ("person.", 3),
    ]

    package static func status(code: String, http: Int? = nil) -> Int32 {
        let row = table.first { row in
            row.code.utf8.last == UInt8(ascii: ".") ? code.utf8.starts(with: row.code.utf8) : code == row.code
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

    /// - Parameter showsCode: whether the sentence ends with the code, as it does for people; scripts read it by itself.
    package static func explain(_ error: any Error, showsCode: Bool = false) -> Program.Failure {
        let (code, message, hint) = words(of: error)
        let status = status(code: code, http: (error as? Problem)?.status)
        return Program.Failure(code: code, message: showsCode ? "\(message) (\(code))" : message, hint: hint, status: status)
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
