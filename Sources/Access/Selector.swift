// SPDX-License-Identifier: Apache-2.0

/// Which nodes: a conjunction of tag conditions, `env=prod,role=db|cache`; `*` for every node.
///
/// A condition names a key and the values it may have. Values are compared whole and byte for byte.
package struct Selector: Sendable, Equatable {
    package struct Condition: Sendable, Equatable {
        package let key: String
        package let values: [String]
        let isName: Bool

        init(key: String, values: [String]) { (self.key, self.values, isName) = (key, values, key == "name") }
    }

    /// No condition: every node.
    package let conditions: [Condition]

    package static let maximumConditions = 16
    package static let maximumValues = 64
    package static let maximumLength = 2048
    package static let everything = Selector(conditions: [])

    private init(conditions: [Condition]) { self.conditions = conditions }

    /// - Throws: ``Refusal/selectorMalformed(_:reason:)``. A bare name, `db-1`, means `name=db-1`.
    package init(_ text: String) throws(Refusal) { try self.init(text, isTemplate: false) }

    /// As a policy writes it: a value may also be `${person.KEY}`, an attribute of the requester, or `${person.name}`.
    /// Before ``resolved(for:)`` such a condition matches nothing.
    package init(template text: String) throws(Refusal) { try self.init(text, isTemplate: true) }

    private init(_ text: String, isTemplate: Bool) throws(Refusal) {
        if text == "*" {
            self = .everything
            return
        }
        guard !text.isEmpty, text.utf8.count <= Self.maximumLength else {
            throw .selectorMalformed(text, reason: text.isEmpty ? "it is empty" : "it is longer than 2048 bytes")
        }
        var found: [Condition] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let condition = try Self.condition(String(Substring(part)), in: text, isTemplate)
            guard !found.contains(where: { $0.key == condition.key }) else {
                throw .selectorMalformed(text, reason: "the key `\(condition.key)` stands in it twice")
            }
            found.append(condition)
        }
        guard found.count <= Self.maximumConditions else {
            throw .selectorMalformed(text, reason: "it has more than \(Self.maximumConditions) conditions")
        }
        conditions = found
    }

    private static func condition(_ part: String, in text: String, _ isTemplate: Bool) throws(Refusal) -> Condition {
        guard let equals = part.utf8.firstIndex(of: UInt8(ascii: "=")) else {
            guard Tags.isValue(part) else { throw .selectorMalformed(text, reason: "`\(part)` is no condition") }
            return Condition(key: "name", values: [part])
        }
        let key = String(part[..<equals])
        guard Tags.isKey(key) else { throw .selectorMalformed(text, reason: "`\(key)` is no tag key") }
        let values = part[part.utf8.index(after: equals)...].utf8
            .split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false).map { String(Substring($0)) }
        guard values.count <= maximumValues else {
            throw .selectorMalformed(text, reason: "`\(key)` has more than \(maximumValues) values")
        }
        for value in values where !Tags.isValue(value) && !(isTemplate && variable(value) != nil) {
            throw .selectorMalformed(text, reason: value.isEmpty ? "`\(key)=` names no value" : "`\(value)` is no tag value")
        }
        return Condition(key: key, values: values)
    }

    /// The selector with the requester's attributes in place of variables. An attribute that the person does not have, or
    /// that is no tag value, matches no node.
    package func resolved(for person: Person) -> Selector {
        guard conditions.contains(where: { $0.values.contains { Self.variable($0) != nil } }) else { return self }
        return Selector(
            conditions: conditions.map { condition in
                Condition(
                    key: condition.key,
                    values: condition.values.compactMap { value in
                        guard let key = Self.variable(value) else { return value }
                        let text = key == "name" ? person.name.text : person.attributes[key]
                        return text.flatMap { Tags.isValue($0) ? $0 : nil }
                    })
            })
    }

    /// The attributes that variables name.
    package var variables: [String] { conditions.flatMap { $0.values.compactMap(Self.variable) } }

    /// `department` for `${person.department}`.
    private static func variable(_ value: String) -> String? {
        guard value.hasPrefix("${person."), value.hasSuffix("}") else { return nil }
        let key = String(value.dropFirst(9).dropLast())
        return Tags.isKey(key) ? key : nil
    }

    package func matches(_ node: Node) -> Bool {
        conditions.allSatisfy { condition in
            // All of them are ASCII, so that equal means the same bytes.
            guard let value = condition.isName ? node.name.text : node.tags[condition.key] else { return false }
            return condition.values.contains(value)
        }
    }

    /// The only nodes that can match, where it names some.
    var names: Set<NodeName>? {
        // What is no name of a node matches none.
        conditions.first(where: \.isName).map { Set($0.values.compactMap { try? NodeName($0) }) }
    }

    /// How narrow it is: a name counts more than any number of tags.
    package var specificity: Int { conditions.reduce(0) { $0 + ($1.key == "name" ? 100 : 1) } }
}

extension Selector: CustomStringConvertible {
    package var description: String {
        guard !conditions.isEmpty else { return "*" }
        return conditions.map { $0.key + "=" + $0.values.joined(separator: "|") }.joined(separator: ",")
    }
}
