// SPDX-License-Identifier: Apache-2.0
// SECURITY: an attribute becomes a user only where it has the form of one; otherwise the rule means nobody.

/// Whom an entitlement lets sessions run as: a user by name, or `${person.KEY}`, the user that the requester's attribute
/// names.
package enum RunAsRule: Sendable, Hashable, CustomStringConvertible {
    case user(RunAsName)
    case attribute(String)

    package init(_ text: String) throws(Refusal) {
        let (opening, closing) = ("${person.", "}")
        guard text.hasPrefix(opening), text.hasSuffix(closing) else {
            self = .user(try RunAsName(user: text))
            return
        }
        let key = String(text.dropFirst(opening.count).dropLast(closing.count))
        guard Tags.isKey(key) else { throw .nameMalformed(kind: RunAsKind.label, text) }
        self = .attribute(key)
    }

    /// The user for this requester; `nil` where the attribute is missing or names none.
    package func user(for person: Person) -> RunAsName? {
        switch self {
        case .user(let name): return name
        case .attribute(let key):
            guard let text = key == "name" ? person.name.text : person.attributes[key] else { return nil }
            return try? RunAsName(user: text)  // an attribute that is no name means nobody
        }
    }

    var attribute: String? { if case .attribute(let key) = self { key } else { nil } }

    package var description: String {
        switch self {
        case .user(let name): name.text
        case .attribute(let key): "${person.\(key)}"
        }
    }
}

extension Entitlement {
    /// The users that sessions of `person` may run as, the first being the default.
    package func users(for person: Person) -> [RunAsName] { runAs.compactMap { $0.user(for: person) } }
}
