// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
package import StrictJSON

/// An object of the API, read member by member. Members we do not know are left alone: the broker may be newer.
package struct Answer: Sendable {
    package let json: JSONValue

    package init(_ json: JSONValue) { self.json = json }

    package func optionalText(_ key: String) -> String? { json[key]?.asString }

    package func text(_ key: String) throws(ClientError) -> String {
        guard let text = optionalText(key) else { throw .unclearAnswer("`\(key)` is missing") }
        return text
    }

    package func optionalInteger(_ key: String) -> Int64? { json[key]?.asInteger }

    package func integer(_ key: String) throws(ClientError) -> Int64 {
        guard let number = optionalInteger(key) else { throw .unclearAnswer("`\(key)` is missing") }
        return number
    }

    package func bool(_ key: String) -> Bool { json[key]?.asBool ?? false }

    package func texts(_ key: String) -> [String] { (json[key]?.asArray ?? []).compactMap(\.asString) }

    package func objects(_ key: String) -> [Answer] { (json[key]?.asArray ?? []).map { Answer($0) } }

    /// The members of an object of strings, sorted by key.
    package func pairs(_ key: String) -> [(key: String, value: String)] {
        (json[key]?.asObject?.members ?? []).compactMap { member in member.value.asString.map { (member.key, $0) } }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    package func time(_ key: String) -> Timestamp? { optionalText(key).flatMap { Timestamp(rfc3339: $0) } }

    /// A signed statement that stands in the object as its own members `statement` and `signatures`.
    package func signed() throws -> SignedText {
        guard let statement = json["statement"], let signatures = json["signatures"] else {
            throw ClientError.unclearAnswer("the signed statement is missing")
        }
        return try SignedText(.object(["statement": statement, "signatures": signatures]))
    }

    /// The rows of a list.
    package func items() throws(ClientError) -> [Answer] {
        guard let items = json["items"]?.asArray else { throw .unclearAnswer("`items` is missing") }
        return items.map { Answer($0) }
    }
}
