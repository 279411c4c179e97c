// SPDX-License-Identifier: Apache-2.0

/// The tags of a node: at most 32 pairs `key=value`, assigned by an administrator's signature.
///
/// The tag `name` is built in and cannot be assigned.
package struct Tags: Sendable, Equatable {
    /// A node has few, and a decision looks at all nodes: a search from one to the next is faster than a table.
    private var pairs: [Pair] = []

    private struct Pair: Sendable, Equatable {
        let key: String
        let value: String
    }

    package static let maximumCount = 32
    package static let maximumValueLength = 128

    package init() {}

    /// - Throws: ``Refusal/tagMalformed(_:)``, ``Refusal/tooManyTags(_:)``
    package init(_ pairs: [(key: String, value: String)]) throws(Refusal) {
        guard pairs.count <= Self.maximumCount else { throw .tooManyTags(pairs.count) }
        for (key, value) in pairs {
            guard Self.isKey(key), key != "name", Self.isValue(value), self[key] == nil else {
                throw .tagMalformed(key + "=" + value)
            }
            self.pairs.append(Pair(key: key, value: value))
        }
        self.pairs.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    package subscript(key: String) -> String? {
        for pair in pairs where pair.key == key { return pair.value }
        return nil
    }

    package var keys: [String] { pairs.map(\.key) }

    /// Reads `k=v,k=v`, as on the command line; nothing for an empty text.
    package init(parsing text: String) throws(Refusal) {
        var pairs: [(key: String, value: String)] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: !text.isEmpty ? false : true) {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { throw .tagMalformed(String(Substring(part))) }
            pairs.append((String(Substring(part[..<equals])), String(Substring(part[part.index(after: equals)...]))))
        }
        try self.init(pairs)
    }

    package var sorted: [(key: String, value: String)] { pairs.map { ($0.key, $0.value) } }

    /// `[a-z][a-z0-9._-]{0,62}`
    package static func isKey(_ text: String) -> Bool {
        guard let first = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return text.utf8.count <= 63
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                    UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// One to 128 of `A-Z a-z 0-9 . _ - / : @ +`: nothing that a selector or a shell would read as syntax.
    package static func isValue(_ text: String) -> Bool {
        (1...maximumValueLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
                    UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "+"):
                    true
                default: false
                }
            }
    }
}

extension Tags: CustomStringConvertible {
    package var description: String { sorted.map { $0.key + "=" + $0.value }.joined(separator: ",") }
}
