// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
package import StrictJSON

/// What the last frame of a session tells the operator's client.
package struct SessionEnding: Sendable, Equatable {
    package let reason: Session.EndReason
    /// For people; may be empty.
    package let detail: String
    package let outcome: ReceiptStatement.Outcome
    package let killed: Int
    package let left: Int

    package init(reason: Session.EndReason, detail: String, outcome: ReceiptStatement.Outcome, killed: Int, left: Int) {
        self.reason = reason
        self.detail = detail
        self.outcome = outcome
        self.killed = killed
        self.left = left
    }

    package var text: String {
        var object: JSONObject = [
            "reason": .string(reason.rawValue), "detail": .string(detail), "killed": .integer(Int64(killed)),
            "left": .integer(Int64(left)), "exit": .null, "signal": .null,
        ]
        switch outcome {
        case .exited(let status): object["exit"] = .integer(Int64(status))
        case .signalled(let number): object["signal"] = .integer(Int64(number))
        case .none: break
        }
        return JSONValue.object(object).canonical
    }

    package init(_ text: String) throws(JSONError) {
        var reader = try ObjectReader(try JSONValue(parsing: text))
        reason = Session.EndReason(rawValue: try reader.string("reason", maximum: 32)) ?? .failed
        detail = try reader.string("detail", maximum: 1000)
        killed = Int(try reader.integer("killed", in: 0...10_000_000))
        left = Int(try reader.integer("left", in: 0...10_000_000))
        switch (try reader.value("exit"), try reader.value("signal")) {
        case (.integer(let status), _) where (0...255).contains(status): outcome = .exited(Int(status))
        case (_, .integer(let number)) where (1...64).contains(number): outcome = .signalled(Int(number))
        default: outcome = .none
        }
        try reader.finish()
    }
}
