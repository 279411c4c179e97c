// SPDX-License-Identifier: Apache-2.0

/// A key pair that a person enrolled.
package struct Device: Sendable, Equatable {
    package let key: PublicKey
    package let label: String
    package var isEnabled: Bool

    package init(key: PublicKey, label: String, isEnabled: Bool = true) {
        self.key = key
        self.label = label
        self.isEnabled = isEnabled
    }
}

/// A human being. Rules count persons, never devices.
package struct Person: Sendable, Equatable {
    package let name: PersonName
    package var groups: Set<GroupName>
    package var attributes: [String: String]
    package var devices: [Device]
    package var isEnabled: Bool

    package init(
        name: PersonName, groups: Set<GroupName>, attributes: [String: String] = [:], devices: [Device] = [],
        isEnabled: Bool = true
    ) {
        self.name = name
        self.groups = groups
        self.attributes = attributes
        self.devices = devices
        self.isEnabled = isEnabled
    }
}

/// A machine that runs the agent. Its tags come from the invitation it joined with, never from itself.
package struct Node: Sendable, Equatable {
    package let name: NodeName
    package let key: PublicKey
    package var tags: Tags
    package var isEnabled: Bool

    package init(name: NodeName, key: PublicKey, tags: Tags, isEnabled: Bool = true) {
        self.name = name
        self.key = key
        self.tags = tags
        self.isEnabled = isEnabled
    }
}

/// The policy and the administrators, as signed. Versions count from 1 without gaps.
package struct Charter: Sendable, Equatable {
    package let version: Int64
    package let administrators: Set<PersonName>
    /// With what was published since for its rosters.
    package internal(set) var policy: Policy
    /// The policy as it was signed, with its comments.
    package let text: String

    package init(version: Int64, administrators: Set<PersonName>, policy: Policy, text: String = "") {
        self.version = version
        self.administrators = administrators
        self.policy = policy
        self.text = text
    }
}

/// Who and what exists, as far as administrators' signatures say: the facts that decisions are made on.
package struct Directory: Sendable, Equatable {
    package var charters: [Charter]
    package var people: [PersonName: Person]
    package var nodes: [NodeName: Node]

    package init(charters: [Charter] = [], people: [PersonName: Person] = [:], nodes: [NodeName: Node] = [:]) {
        self.charters = charters
        self.people = people
        self.nodes = nodes
    }

    /// The charter in force; `nil` before the first administrator has signed one.
    package var charter: Charter? { charters.last }

    package func charter(version: Int64) -> Charter? {
        guard let index = Int(exactly: version - 1), charters.indices.contains(index) else { return nil }
        return charters[index]
    }

    package func isAdministrator(_ name: PersonName) -> Bool {
        guard let charter, charter.administrators.contains(name) else { return false }
        return people[name]?.isEnabled == true
    }

    /// The enabled nodes that match, sorted by name.
    package func nodes(matching selector: Selector) -> [Node] {
        let matching =
            if let names = selector.names {
                names.compactMap { nodes[$0] }.filter { $0.isEnabled && selector.matches($0) }
            } else {
                nodes.values.filter { $0.isEnabled && selector.matches($0) }
            }
        return matching.sorted { $0.name < $1.name }
    }
}
