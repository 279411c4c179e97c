// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import Protocol
import StrictJSON

/// A grant, as the broker lists it. Nothing is decided by it: the node decides on the signed evidence.
package struct GrantView: Sendable {
    package let id: GrantID
    package let state: Grant.State
    package let nodes: Set<String>
    package let capabilities: Set<String>
    package let runAs: String
    package let notAfter: Timestamp?
    /// Not to be used before then.
    package let startsAt: Timestamp?
    package let requestDigest: Digest
    package let answer: Answer

    package init(_ answer: Answer) throws {
        id = try GrantID(try answer.text("id"))
        let stateText = try answer.text("state")
        guard let state = Grant.State(rawValue: stateText) else {
            throw ClientError.unclearAnswer("a grant is in the unknown state `\(stateText)`")
        }
        self.state = state
        nodes = Set(answer.texts("nodes"))
        capabilities = Set(answer.texts("capabilities"))
        runAs = try answer.text("runAs")
        notAfter = answer.time("notAfter")
        startsAt = answer.time("startsAt")
        guard let digest = Digest(hex: try answer.text("requestDigest")), RequestID(digest: digest.bytes).sibling() == id else {
            throw ClientError.unclearAnswer("grant \(id) does not belong to its request")
        }
        requestDigest = digest
        self.answer = answer
    }

    /// Whether sessions can be opened under it, or it can be started.
    package func isUsable(at now: Timestamp) -> Bool {
        switch state {
        case .ready: startsAt.map { now >= $0 } ?? true
        case .active: notAfter.map { now < $0 } ?? false
        case .ending, .ended, .lapsed, .cancelled: false
        }
    }

    /// Whether a session of this kind could be opened under it.
    package func covers(_ use: GrantUse, at now: Timestamp) -> Bool {
        isUsable(at: now) && nodes.contains(use.node.text) && capabilities.contains(use.capability.rawValue)
            && (use.runAs.map { $0.text == runAs } ?? true)
    }

    /// This grant, where a session of this kind could be opened under it.
    ///
    /// - Throws: `grant.over`, `grant.too-early` or `grant.does-not-cover`, whichever is the reason.
    func checked(for use: GrantUse, at now: Timestamp) throws -> GrantView {
        if covers(use, at: now) { return self }
        if state == .ready, let startsAt, startsAt > now { throw Refusal.tooEarly(id, startsAt) }
        let isOver = (state != .ready && state != .active) || notAfter.map { now >= $0 } ?? false
        if isOver { throw ClientError.grantNotUsable(id.description, state: state.rawValue) }
        let user = use.runAs.map { " as `\($0.text)`" } ?? ""
        throw ClientError.grantElsewhere(id.description, use: "`\(use.capability.rawValue)` on node `\(use.node)`\(user)")
    }
}

/// What a session needs a grant for.
package struct GrantUse: Sendable, Equatable {
    package let node: NodeName
    package let capability: Capability
    /// nil: whoever the grant names.
    package let runAs: RunAsName?

    package init(node: NodeName, capability: Capability, runAs: RunAsName?) {
        self.node = node
        self.capability = capability
        self.runAs = runAs
    }
}

extension Operator {
    package func grants(scope: String = "mine", state: String? = nil) throws -> [GrantView] {
        var query: [(name: String, value: String)] = [("scope", scope)]
        if let state { query.append(("state", state)) }
        return try Answer(try broker.get(Route.grants, query)).items().map { try GrantView($0) }
    }

    package func grant(_ id: GrantID) throws -> GrantView {
        try GrantView(Answer(try broker.get("\(Route.grants)/\(id)")))
    }

    /// The signed activation of a grant, started now if it was not yet.
    package func activation(of grant: GrantView) throws -> Signed<ActivationStatement> {
        if grant.state == .ready { return try activate(grant) }
        guard let stored = grant.answer.json["activation"], stored != .null else {
            throw ClientError.grantNotUsable(grant.id.description, state: grant.state.rawValue)
        }
        let signed = try Signed<ActivationStatement>(try SignedText(stored))
        guard signed.value.root == identity.root, signed.value.request == grant.requestDigest else {
            throw EvidenceError.doesNotBelong(type: ActivationStatement.type, to: "grant")
        }
        return signed
    }

    private func activate(_ grant: GrantView) throws -> Signed<ActivationStatement> {
        let statement = ActivationStatement(
            root: identity.root, request: grant.requestDigest, person: identity.person,
            nonce: try Evidence.Random.nonce(), at: .now())
        let signed = try statement.signed(with: key.signing)
        do {
            _ = try broker.post(Route.activations, signed.source)
            return signed
        } catch let problem as Problem where problem.code == "grant.already-active" {
            return try activation(of: try self.grant(grant.id))  // another command of ours was faster
        }
    }
}
