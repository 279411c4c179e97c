// SPDX-License-Identifier: Apache-2.0
// SECURITY: the values that a requester may put into a command. Every rule is about the whole value and takes at most
// value × pattern steps; there are no regular expressions.

/// Which values a parameter of a ``CommandDocument`` may have.
package enum ParameterRule: Sendable, Equatable {
    /// One of these.
    case values([String])
    /// A whole number, written in the only way.
    case number(ClosedRange<Int64>)
    /// A path below this directory, which ends in `/`. Where a link leads is the node's affair.
    case path(below: String)
    case pattern(ValuePattern)

    package static let maximumLength = 256

    package func accepts(_ value: String) -> Bool {
        guard (1...Self.maximumLength).contains(value.utf8.count) else { return false }
        switch self {
        case .values(let values): return values.contains { $0.utf8.elementsEqual(value.utf8) }
        case .number(let range):
            guard let number = Int64(value), String(number).utf8.elementsEqual(value.utf8) else { return false }
            return range.contains(number)
        case .path(let directory):
            guard value.utf8.starts(with: directory.utf8) else { return false }
            return Self.isPlainPath(value.utf8.dropFirst(directory.utf8.count))
        case .pattern(let pattern): return pattern.matches(value)
        }
    }

    /// What a value has to be, as people read it.
    package var expectation: String {
        switch self {
        case .values(let values): "one of " + values.joined(separator: ", ")
        case .number(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .path(let directory): "a path below \(directory)"
        case .pattern(let pattern): "of the form \(pattern)"
        }
    }

    /// Names of letters, digits and `._-+@:`, one `/` between them, none of them `.` or `..`.
    static func isPlainPath(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { name in
            !name.isEmpty && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8) && name.allSatisfy(isOfName)
        }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: ":"): true
        default: ValuePattern.isWordByte(byte)
        }
    }
}

/// A form of values, for the whole value: `#` stands for digits, `*` for letters, digits and `._-`, each at least one;
/// `?` for exactly one of the latter; everything else for itself. There is no way to write those three themselves.
package struct ValuePattern: Sendable, Equatable, CustomStringConvertible {
    package let description: String

    private static let maximumLength = 64

    package init(_ text: String) throws(Refusal) {
        let bytes = text.utf8
        guard (1...Self.maximumLength).contains(bytes.count),
            bytes.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "$") })
        else { throw .document(.patternMalformed(text)) }
        description = text
    }

    /// All places where the pattern may stand after each byte are kept at once: nothing is tried twice.
    package func matches(_ value: String) -> Bool {
        let pattern = Array(description.utf8)
        // `states[i]`: the first i elements are matched. A repeated element stays in its own state.
        var states = [Bool](repeating: false, count: pattern.count + 1)
        states[0] = true
        for byte in value.utf8 {
            var next = [Bool](repeating: false, count: states.count)
            for index in pattern.indices {
                let fits = Self.element(pattern[index], takes: byte)
                if states[index], fits { next[index + 1] = true }
                if states[index + 1], fits, Self.repeats(pattern[index]) { next[index + 1] = true }
            }
            states = next
        }
        return states[pattern.count]
    }

    private static func repeats(_ element: UInt8) -> Bool { element == UInt8(ascii: "#") || element == UInt8(ascii: "*") }

    private static func element(_ element: UInt8, takes byte: UInt8) -> Bool {
        switch element {
        case UInt8(ascii: "#"): (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        case UInt8(ascii: "*"), UInt8(ascii: "?"): isWordByte(byte)
        default: element == byte
        }
    }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
