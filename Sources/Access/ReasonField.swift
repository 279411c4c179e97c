// SPDX-License-Identifier: Apache-2.0

/// Something that a requester must state beside the reason, with a kind: approvers and auditors can rely on its form.
package struct ReasonField: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// At least so many characters that are not white space.
        case text(minimumLength: Int)
        case number(ClosedRange<Int64>)
        case choice([String])
        case yesNo
    }

    package let name: String
    package let kind: Kind
    package let isRequired: Bool

    package static let maximumCount = 16
    package static let maximumLength = 200

    package init(name: String, kind: Kind, isRequired: Bool = true) {
        self.name = name
        self.kind = kind
        self.isRequired = isRequired
    }

    /// What a value has to be, as people read it.
    package var expectation: String {
        switch kind {
        case .text(let minimum): "a text of at least \(minimum) characters"
        case .number(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .choice(let choices): "one of " + choices.joined(separator: ", ")
        case .yesNo: "yes or no"
        }
    }

    package func accepts(_ text: String) -> Bool {
        switch kind {
        case .text(let minimum): text.unicodeScalars.count { !$0.properties.isWhitespace } >= minimum
        case .number(let range): Self.number(text).map(range.contains) ?? false
        case .choice(let choices): choices.contains { $0.utf8.elementsEqual(text.utf8) }
        case .yesNo: text == "yes" || text == "no"
        }
    }

    /// One writing for each number: no sign but `-`, no leading zero.
    private static func number(_ text: String) -> Int64? {
        guard let number = Int64(text), String(number).utf8.elementsEqual(text.utf8) else { return nil }
        return number
    }

    /// The form of all fields of a request, whatever the policy: keys like tags, plain values.
    package static func check(_ fields: [String: String]) throws(Refusal) {
        guard fields.count <= maximumCount else { throw .fieldMalformed("", expected: "at most \(maximumCount) fields") }
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            guard Tags.isKey(name) else { throw .fieldMalformed(name, expected: "a name of a-z, 0-9, `.`, `_`, `-`") }
            guard value.unicodeScalars.count <= maximumLength else {
                throw .fieldMalformed(name, expected: "at most \(maximumLength) characters")
            }
            try HumanText.check(value)
        }
    }
}

/// How a ticket is written: `INC-#`, where `#` stands for one digit or more. A reason satisfies it with one word of it.
package struct TicketPattern: Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ text: String) throws(Refusal) {
        let isPlain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard (2...32).contains(text.utf8.count), isPlain, text.utf8.contains(UInt8(ascii: "#")),
            !text.utf8.elementsEqual("##".utf8)
        else { throw .ticketPatternMalformed(text) }
        description = text
    }

    package func stands(in reason: String) -> Bool {
        let bytes = Array(reason.utf8)
        return bytes.indices.contains { start in
            (start == 0 || !Self.belongsToWord(bytes[start - 1])) && matches(bytes, from: start)
        }
    }

    private func matches(_ bytes: [UInt8], from start: Int) -> Bool {
        var position = start
        for expected in description.utf8 {
            if expected == UInt8(ascii: "#") {
                let digits = bytes[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
                guard digits >= 1 else { return false }
                position += digits
            } else {
                guard position < bytes.count, bytes[position] == expected else { return false }
                position += 1
            }
        }
        return position == bytes.count || !Self.belongsToWord(bytes[position])
    }

    private static func belongsToWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"), 0x80...:
            true
        default: false
        }
    }
}
