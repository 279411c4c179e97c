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
    private let index: [UTF8Key: Int]
    private var isRead: [Bool]
    /// What the caller asked for, there or not: the names that an unknown one is compared with.
    private var askedFor: [String] = []

    /// - Throws: `wrongKind` if the value is not an object.
    package init(_ value: JSONValue, path: String = "") throws(JSONError) {
        guard case .object(let object) = value else {
            throw JSONError(.wrongKind(expected: .object, found: value.kind), path: path)
        }
        self.path = path
        self.members = object.members
        var index: [UTF8Key: Int] = [:]
        for (position, member) in object.members.enumerated() { index[UTF8Key(member.key)] = position }
        self.index = index
        self.isRead = Array(repeating: false, count: object.members.count)
    }

    /// The keys, in their order: for an object that is a table, whose keys are names of things.
    package var keys: [String] { members.map(\.key) }

    /// - Throws: `unknownMember` for the first member that was not read.
    package mutating func finish() throws(JSONError) {
        guard let position = isRead.firstIndex(of: false) else { return }
        let key = members[position].key
        throw error(.unknownMember(nearest: key.nearest(among: askedFor)), at: key)
    }

    // MARK: Any value

    package mutating func optionalValue(_ key: String) -> JSONValue? {
        askedFor.append(key)
        guard let position = index[UTF8Key(key)] else { return nil }
        isRead[position] = true
        return members[position].value
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
    /// - Parameters:
    ///   - reason: a clause or sentence that shows the value that was wrong.
    ///   - hint: what would be right, as a sentence.
    package func unacceptable(_ key: String, _ reason: String, hint: String? = nil) -> JSONError {
        error(.unacceptable(reason: reason, hint: hint), at: key)
    }

    /// The error for a member whose value another type refused.
    package func unacceptable(_ key: String, because error: some Explainable) -> JSONError {
        unacceptable(key, error.message, hint: error.hint)
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
        if let value { return value }
        let unread = zip(members, isRead).filter { !$0.1 }.map(\.0.key)
        throw error(.missingMember(similar: key.nearest(among: unread)), at: key)
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
