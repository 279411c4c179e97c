// SPDX-License-Identifier: Apache-2.0
// SECURITY: what is forbidden is forbidden, whatever any entitlement says.

/// Something that nobody, or none of some people, may do on some nodes.
package struct ForbidRule: Sendable, Equatable {
    package let name: RuleName
    /// `nil`: everybody.
    package let requesters: [Principal]?
    package let nodes: Selector
    /// `nil`: all.
    package let capabilities: Set<Capability>?
    /// `nil`: every user.
    package let runAs: [RunAsName]?

    package init(
        name: RuleName, requesters: [Principal]? = nil, nodes: Selector, capabilities: Set<Capability>? = nil,
        runAs: [RunAsName]? = nil
    ) {
        self.name = name
        self.requesters = requesters
        self.nodes = nodes
        self.capabilities = capabilities
        self.runAs = runAs
    }

    /// Whether any of `capabilities` as `user` is forbidden to `person` on `node`.
    package func forbids(_ person: Person, _ capabilities: Set<Capability>, as user: RunAsName, on node: Node) -> Bool {
        (requesters?.contains { $0.includes(person) } ?? true)
            && (self.capabilities.map { mine in capabilities.contains { other in mine.contains { $0.forbids(other) } } } ?? true) && (runAs?.contains(user) ?? true)
            && nodes.resolved(for: person).matches(node)
    }
}
