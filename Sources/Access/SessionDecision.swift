// SPDX-License-Identifier: Apache-2.0
// SECURITY: how a session is set up and which program it runs, from the charter of the request and the charter in force.

extension EntitlementInForce {
    /// The stricter of both policies' settings for sessions on `node`.
    package func settings(on node: Node) -> SessionSettings {
        let first = current(of: policies).settings(on: node)
        guard let frozen = policies.first, policies.count > 1 else { return first }
        return first.stricter(with: frozen.settings(on: node))
    }

    /// The policy in force is the last; its words count where neither is stricter.
    private func current(of policies: [Policy]) -> Policy { policies.last ?? Policy(entitlements: []) }

    /// The argument vector of a command document. A document that differs between the policies is refused: whoever approved
    /// saw another command.
    ///
    /// - Returns: `nil` for what is no document.
    func program(for opening: Opening) throws(Refusal) -> [String]? {
        guard case .document(let name) = opening.capability else { return nil }
        guard let document = current(of: policies).document(name) else { throw .document(.unknown(name)) }
        guard policies.allSatisfy({ $0.document(name) == document }) else { throw .document(.changed(name)) }
        guard document.isInteractive == opening.hasTerminal else {
            throw .document(document.isInteractive ? .needsTerminal(name) : .hasNoTerminal(name))
        }
        return try document.arguments(of: opening.command)
    }
}
