// SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object, in the order they were written, each key once.
///
/// Keys are compared by their UTF-8 bytes. A look-up walks the members: objects here are small, and
/// the parser, which meets large ones, finds duplicates by hash before it makes this value.
package struct JSONObject: Sendable {
    package private(set) var members: [(key: String, value: JSONValue)] = []

    package init() {}

    /// - Precondition: no key occurs twice. The caller is our own code or a parser that has looked.
    init(_ members: [(String, JSONValue)]) {
        for (key, value) in members {
            precondition(self[key] == nil, "a JSON object literal names a key twice")
            self.members.append((key, value))
        }
    }

    /// For a parser that has refused duplicates already.
    init(distinct members: [(key: String, value: JSONValue)]) {
        self.members = members
    }

    /// Setting a new key appends it; setting `nil` removes the member.
    ///
    /// `object[key] = nil` removes; to store a null write `object[key] = .some(.null)`.
    package subscript(_ key: String) -> JSONValue? {
        get { index(of: key).map { members[$0].value } }
        set {
            switch (index(of: key), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((key, value))
            case (nil, nil): break
            }
        }
    }

    func index(of key: String) -> Int? {
        members.firstIndex { $0.key.hasSameBytes(as: key) }
    }

    /// The members by the UTF-8 bytes of their keys: the order of the canonical form.
    var sortedMembers: [(key: String, value: JSONValue)] {
        members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}

extension JSONObject: Equatable {
    /// Same keys with the same values. The order of members carries no meaning (RFC 8259 §4).
    package static func == (one: JSONObject, other: JSONObject) -> Bool {
        guard one.members.count == other.members.count else { return false }
        return one.sortedMembers.elementsEqual(other.sortedMembers) {
            $0.key.hasSameBytes(as: $1.key) && $0.value == $1.value
        }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// - Precondition: no key is written twice.
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
