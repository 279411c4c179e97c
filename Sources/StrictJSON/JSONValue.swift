// SPDX-License-Identifier: Apache-2.0

/// A JSON value without floating point: every number is a 64-bit integer.
///
/// Signed statements are made of these, so nothing here may have two readings. Strings and keys are
/// compared as UTF-8 bytes, not as Swift compares `String` (where "é" composed equals "é" decomposed).
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// The member `key`, when this is an object that has it.
    package subscript(_ key: String) -> JSONValue? { asObject?[key] }

    package var asBool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var asInteger: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    package var asString: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var asArray: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var asObject: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// What kind of value this is, for messages: "a string", "an object".
    package var kind: JSONKind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .integer: .integer
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }
}

/// The kinds of JSON value, named as messages name them.
package enum JSONKind: String, Sendable, Equatable {
    case null = "null"
    case bool = "true or false"
    case integer = "a whole number"
    case string = "a string"
    case array = "an array"
    case object = "an object"
}

extension JSONValue: Equatable {
    package static func == (one: JSONValue, other: JSONValue) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.integer(let one), .integer(let other)): one == other
        case (.string(let one), .string(let other)): one.hasSameBytes(as: other)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        case (.null, _), (.bool, _), (.integer, _), (.string, _), (.array, _), (.object, _): false
        }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// - Precondition: no key is written twice.
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}
