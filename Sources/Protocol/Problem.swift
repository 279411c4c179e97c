// SPDX-License-Identifier: Apache-2.0

package import StrictJSON

/// An error as it crosses the wire: `application/problem+json` (RFC 9457) with a stable code.
package struct Problem: Explainable, Equatable {
    package let status: Int
    package let code: String
    package let message: String
    package let hint: String?

    /// The code for a client that attaches before its session's supervisor is back: it tries again.
    package static let nodeAway = "session.node-away"
    package static let contentType = "application/problem+json"

    package init(status: Int, code: String, message: String, hint: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
    }

    package init(_ error: any Explainable) {
        self.init(status: Self.status(for: error.code), code: error.code, message: error.message, hint: error.hint)
    }

    /// The HTTP status that goes with a code; the code is what programs look at.
    package static func status(for code: String) -> Int {
        switch code {
        case let code where code.hasSuffix(".not-found"): 404
        case "person.unknown", "node.unknown", "selector.no-node", "roll.unknown-subject": 404
        case "request.already-resolved", "grant.over", "grant.already-active", "session.over", "session.not-open",
            "session.not-live", "recording.not-finished",
            "vote.already-voted", "request.deadline-passed", "grant.activation-deadline-passed", "roll.gap", "roll.forked",
            "state.changed-meanwhile", "invitation.used", "invitation.expired", "state.not-yet-due":
            409
        case let code where code.hasPrefix("json.") || code.hasSuffix(".malformed") || code.hasPrefix("evidence.")
            || code.hasPrefix("http.") || code.hasPrefix("reason.") || code.hasPrefix("duration."):
            400
        case let code where code.hasPrefix("internal"): 500
        case let code where code.hasPrefix("storage.") || code == "broker.overloaded": 503
        default: 403
        }
    }

    package var json: JSONValue {
        .object([
            "type": .string("urn:stint:problem:" + code), "title": .string(message), "status": .integer(Int64(status)),
            "code": .string(code), "hint": hint.map { .string($0) } ?? .null,
        ])
    }

    /// Reads a problem that a peer sent. What is missing or too long is replaced, never trusted.
    package init(_ value: JSONValue, status: Int) {
        func text(_ key: String, maximum: Int) -> String? {
            value[key]?.asString.flatMap { $0.utf8.count <= maximum ? $0 : nil }
        }
        self.init(
            status: status, code: text("code", maximum: 64) ?? "broker.unclear",
            message: text("title", maximum: 4096) ?? "The broker answered with status \(status) and no reason.",
            hint: text("hint", maximum: 4096))
    }
}
