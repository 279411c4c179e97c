// SPDX-License-Identifier: Apache-2.0

package import Access
package import StrictJSON

/// Another person's judgement on what was done when the glass was broken, signed by that person's device.
package struct ReviewStatement: Statement {
    package static let type = "review"

    package let root: Digest
    package let request: Digest
    package let person: PersonName
    package let verdict: Review.Verdict
    /// What the reviewer looked at, and found.
    package let text: String
    /// The end of the roll that the reviewer's client knew.
    package let rollNumber: Int64
    package let nonce: String
    package let at: Timestamp

    /// Characters that are not white space.
    package static let minimumLength = 3

    package init(
        root: Digest, request: Digest, person: PersonName, verdict: Review.Verdict, text: String, rollNumber: Int64, nonce: String,
        at: Timestamp
    ) {
        self.root = root
        self.request = request
        self.person = person
        self.verdict = verdict
        self.text = text
        self.rollNumber = rollNumber
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "request": .string(request.hex), "person": .string(person.text),
            "verdict": .string(verdict.rawValue), "text": .string(text), "roll": .integer(rollNumber), "nonce": .string(nonce),
            "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        request = try reader.digest("request")
        person = try reader.name("person")
        let word = try reader.string("verdict", maximum: 16)
        guard let verdict = Review.Verdict(rawValue: word) else { throw EvidenceError.typeUnknown("verdict " + word) }
        self.verdict = verdict
        text = try reader.string("text")
        try HumanText.check(reason: text, minimum: Self.minimumLength)
        rollNumber = try reader.integer("roll", in: 1...1_000_000_000)
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
    }
}
