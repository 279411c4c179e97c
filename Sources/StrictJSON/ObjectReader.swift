// SPDX-License-Identifier: Apache-2.0
// SECURITY: nothing in a message is skipped. A member that nobody read makes `finish()` throw, so a
// field we do not implement is refused and never ignored (P6).

/// Reads an object's members one by one; whatever was not read is an error at ``finish()``.
///
/// A member is present with a value of its kind or, where it is optional, absent. An explicit `null`
/// is neither: one meaning has one encoding. Errors name the member by its path.
package struct ObjectReader {
    /// Where this object stands in the message, as `request.nodes[2]`; empty for the message itself.
    package let path: String

    private let members: [(key: String, value: JSONValue)]
    private var isRead: [Bool]

    /// - Throws: `wrongKind` if the value is not an object.
    package init(_ value: JSONValue, path: String = "") throws(JSONError) {
        guard case .object(let object) = value else {
            throw JSONError(.wrongKind(expected: .object, found: value.kind), path: path)
        }
        self.path = path
        self.members = object.members
        self.isRead = Array(repeating: false, count: object.members.count)
    }

    /// - Throws: `unknownMember` for the first member that was not read.
    package mutating func finish() throws(JSONError) {
        guard let index = isRead.firstIndex(of: false) else { return }
        throw error(.unknownMember, at: members[index].key)
    }

    // MARK: Any value

    package mutating func optionalValue(_ key: String) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.key.hasSameBytes(as: key) }) else { return nil }
        isRead[index] = true
        return members[index].value
    }

    package mutating func value(_ key: String) throws(JSONError) -> JSONValue {
        try required(optionalValue(key), key)
    }

    // MARK: Strings

    /// - Parameter maximum: the longest string accepted, in UTF-8 bytes.
    package mutating func optionalString(_ key: String, maximum: Int = 4096) throws(JSONError) -> String? {
        guard let value = optionalValue(key) else { return nil }
        return try Self.string(value, maximum: maximum, path: path(to: key))
    }

    /// - Parameter maximum: the longest string accepted, in UTF-8 bytes.
    package mutating func string(_ key: String, maximum: Int = 4096) throws(JSONError) -> String {
        try required(optionalString(key, maximum: maximum), key)
    }

    // MARK: Numbers and truth values

    package mutating func optionalInteger(
        _ key: String, in range: ClosedRange<Int64> = Int64.min...Int64.max
    ) throws(JSONError) -> Int64? {
        guard let value = optionalValue(key) else { return nil }
        guard case .integer(let number) = value else { throw wrongKind(value, expected: .integer, key) }
        guard range.contains(number) else { throw error(.outOfRange(number, allowed: range), at: key) }
        return number
    }

    package mutating func integer(
        _ key: String, in range: ClosedRange<Int64> = Int64.min...Int64.max
    ) throws(JSONError) -> Int64 {
        try required(optionalInteger(key, in: range), key)
    }

    package mutating func optionalBool(_ key: String) throws(JSONError) -> Bool? {
        guard let value = optionalValue(key) else { return nil }
        guard case .bool(let truth) = value else { throw wrongKind(value, expected: .bool, key) }
        return truth
    }

    package mutating func bool(_ key: String) throws(JSONError) -> Bool {
        try required(optionalBool(key), key)
    }

    // MARK: Arrays

    /// - Parameter maximum: how many elements are accepted.
    package mutating func optionalArray(_ key: String, maximum: Int) throws(JSONError) -> [JSONValue]? {
        guard let value = optionalValue(key) else { return nil }
        guard case .array(let elements) = value else { throw wrongKind(value, expected: .array, key) }
        guard elements.count <= maximum else {
            throw error(.tooMany(count: elements.count, maximum: maximum), at: key)
        }
        return elements
    }

    /// - Parameter maximum: how many elements are accepted.
    package mutating func array(_ key: String, maximum: Int) throws(JSONError) -> [JSONValue] {
        try required(optionalArray(key, maximum: maximum), key)
    }

    /// - Parameters:
    ///   - maximum: how many strings are accepted.
    ///   - maximumBytes: the longest of them, in UTF-8 bytes.
    package mutating func optionalStrings(
        _ key: String, maximum: Int, maximumBytes: Int = 4096
    ) throws(JSONError) -> [String]? {
        guard let elements = try optionalArray(key, maximum: maximum) else { return nil }
        var strings: [String] = []
        for (index, element) in elements.enumerated() {
            strings.append(try Self.string(element, maximum: maximumBytes, path: "\(path(to: key))[\(index)]"))
        }
        return strings
    }

    /// - Parameters:
    ///   - maximum: how many strings are accepted.
    ///   - maximumBytes: the longest of them, in UTF-8 bytes.
    package mutating func strings(
        _ key: String, maximum: Int, maximumBytes: Int = 4096
    ) throws(JSONError) -> [String] {
        try required(optionalStrings(key, maximum: maximum, maximumBytes: maximumBytes), key)
    }

    /// A reader for each element of an array of objects.
    package mutating func objects(_ key: String, maximum: Int) throws(JSONError) -> [ObjectReader] {
        var readers: [ObjectReader] = []
        for (index, element) in try array(key, maximum: maximum).enumerated() {
            readers.append(try ObjectReader(element, path: "\(path(to: key))[\(index)]"))
        }
        return readers
    }

    // MARK: Objects

    /// The caller calls `finish()` on the reader it gets, too.
    package mutating func optionalObject(_ key: String) throws(JSONError) -> ObjectReader? {
        guard let value = optionalValue(key) else { return nil }
        return try ObjectReader(value, path: path(to: key))
    }

    /// The caller calls `finish()` on the reader it gets, too.
    package mutating func object(_ key: String) throws(JSONError) -> ObjectReader {
        try required(optionalObject(key), key)
    }

    // MARK: Errors

    /// The error for a member whose value has the right kind and no meaning.
    ///
    /// - Parameter reason: a clause without a full stop that shows the value that was wrong.
    package func unacceptable(_ key: String, _ reason: String) -> JSONError {
        error(.unacceptable(reason: reason), at: key)
    }

    private func path(to key: String) -> String {
        path.isEmpty ? key : path + "." + key
    }

    private func error(_ kind: JSONError.Kind, at key: String) -> JSONError {
        JSONError(kind, path: path(to: key))
    }

    private func wrongKind(_ value: JSONValue, expected: JSONKind, _ key: String) -> JSONError {
        error(.wrongKind(expected: expected, found: value.kind), at: key)
    }

    private func required<Value>(_ value: Value?, _ key: String) throws(JSONError) -> Value {
        guard let value else { throw error(.missingMember, at: key) }
        return value
    }

    private static func string(_ value: JSONValue, maximum: Int, path: String) throws(JSONError) -> String {
        guard case .string(let text) = value else {
            throw JSONError(.wrongKind(expected: .string, found: value.kind), path: path)
        }
        guard text.utf8.count <= maximum else {
            throw JSONError(.tooLong(bytes: text.utf8.count, maximum: maximum), path: path)
        }
        return text
    }
}
