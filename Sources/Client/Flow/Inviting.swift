// SPDX-License-Identifier: Apache-2.0
// SECURITY: the secret of an invitation is made here and goes into the token only; the broker learns its public half.

package import Access
package import Evidence

extension Operator {
    /// Signs an invitation, hands it in, and makes the token that goes with it.
    ///
    /// - Parameter lifetime: how long the token works, at most seven days.
    package func invite(
        _ subject: InvitationStatement.Subject, lifetime: Duration
    ) throws -> (token: String, notAfter: Timestamp) {
        try synchronise()
        let secret = try SecretBytes(random: SigningKey.seedLength)
        let secretKey = try SigningKey(seed: secret)
        let notAfter = Timestamp.now() + lifetime
        let me = identity.person
        let signed = try append { place in
            InvitationStatement(
                place: place, subject: subject, by: me, secret: secretKey.publicKey, notAfter: notAfter, at: .now())
        }
        let (kind, name): (JoinToken.Kind, String) =
            switch subject {
            case .person(let name, _, _): (.person, name.text)
            case .node(let name, _): (.node, name.text)
            case .device(let name): (.device, name.text)
            }
        let token = JoinToken(
            kind: kind, name: name, broker: identity.broker, pin: identity.pin, root: identity.root,
            invitation: signed.digest, notAfter: notAfter, secret: secret)
        return (try token.text(), notAfter)
    }

    /// Takes a person, a device or a node away, for good.
    package func disable(_ subject: DisablingStatement.Subject, reason: String) throws {
        try HumanText.check(reason)
        try synchronise()
        let me = identity.person
        _ = try append { place in
            DisablingStatement(place: place, subject: subject, by: me, reason: reason, at: .now())
        }
    }
}
