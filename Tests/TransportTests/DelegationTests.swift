// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc
import Testing

@testable import Transport

/// Certificates that stand in for others, ours and forged ones, before a real server.
struct DelegationTests {
    private static let time = DelegatedTime(notBefore: 1_700_000_000, notAfter: 1_700_086_400)
    private static let ours = Forgery.Extras.mark + Forgery.Extras.noAuthority

    @Test func `a key that stands in for another is known by the other's`() throws {
        let (server, node) = (try makeIdentity(), try makeIdentity())
        let delegation = try node.delegate(to: Array(1...32), for: Self.time)
        let standIn = try TLSIdentity(delegation)
        let pair = try TLSPair(
            server: TLSContext(serverWith: server), client: TLSContext(clientWith: standIn, expecting: server.publicKey))
        #expect(pair.shakeHands() == (nil, nil))
        #expect(pair.server.peerKey == node.publicKey && standIn.publicKey == node.publicKey)
        #expect(pair.server.peerDelegation == Self.time)
        #expect(pair.client.peerKey == server.publicKey && pair.client.peerDelegation == nil)
    }

    @Test func `who holds a key itself stands in for nobody`() throws {
        #expect(try TLSPair.established().server.peerDelegation == nil)
    }

    @Test func `a server that stands in for the pinned key is refused`() throws {
        let (server, client) = (try makeIdentity(), try makeIdentity())
        let standIn = try TLSIdentity(server.delegate(to: Array(1...32), for: Self.time))
        let pair = try TLSPair(
            server: TLSContext(serverWith: standIn), client: TLSContext(clientWith: client, expecting: server.publicKey))
        #expect(pair.shakeHands().client == .unacceptableCertificate(reason: "it comes with a chain of other certificates"))
    }

    @Test func `a forged one like ours is accepted, so the refusals are for their reasons`() throws {
        #expect(try refusal { _ in } == nil)
    }

    @Test func `one that another key signed is refused`() throws {
        let other = try makeIdentity()
        #expect(try refusal { $0.signer = other.material.key } == "it is not signed by the key it stands in for")
    }

    @Test func `one that is signed by itself is refused`() throws {
        #expect(try refusal { $0.signer = $0.key.material.key } == "it is not signed by the key it stands in for")
    }

    @Test func `one without the mark is refused`() throws {
        let reason = "it comes with another one and is not marked as standing in for it"
        #expect(try refusal { $0.extras = Forgery.Extras.noAuthority } == reason)
        #expect(try refusal { $0.extras = [] } == reason)
        #expect(try refusal { $0.extras = Forgery.Extras.uncriticalMark + Forgery.Extras.noAuthority } == reason)
        #expect(try refusal { $0.extras = Forgery.Extras.wrongMark + Forgery.Extras.noAuthority } == reason)
    }

    @Test func `one that is an authority, or does not say that it is none, is refused`() throws {
        let reason = "it does not say that it is no authority"
        #expect(try refusal { $0.extras = Forgery.Extras.mark + Forgery.Extras.authority } == reason)
        #expect(try refusal { $0.extras = Forgery.Extras.mark } == reason)
    }

    @Test func `one that says more is refused`() throws {
        #expect(try refusal { $0.extras = Self.ours + Forgery.Extras.usage } == "it says more than that it stands in for another one")
        #expect(try refusal { $0.extras = Self.ours + Forgery.Extras.mark } == "it says more than that it stands in for another one")
    }

    @Test func `a chain of three is refused`() throws {
        let third = try makeIdentity()
        #expect(try refusal { $0.third = third.material.certificate } == "it comes with a chain of other certificates")
    }

    @Test func `one for a certificate that another key signed is refused`() throws {
        let other = try makeIdentity()
        #expect(try refusal { $0.issuerSigner = other.material.key } == "the one it stands in for is not signed by its own key")
    }

    @Test func `20,000 broken certificates are read or refused`() throws {
        var random = SplitMix(seed: 4)
        let node = try makeIdentity()
        let made = try node.delegate(to: Array(1...32), for: Self.time)
        var read = 0
        for index in 0..<20_000 {
            let isLeaf = index % 2 == 0
            let broken = random.mutation(of: isLeaf ? made.certificate : made.issuer, tokens: ["\0", "\u{7F}", "0"])
            let delegation = TLSDelegation(
                seed: made.seed, certificate: isLeaf ? broken : made.certificate, issuer: isLeaf ? made.issuer : broken)
            guard broken != made.certificate, broken != made.issuer, let identity = try? TLSIdentity(delegation) else { continue }
            read += 1
            guard let issuer = identity.material.issuer else { continue }
            // Whatever OpenSSL can read of it: only the bytes that the node signed are believed.
            if case .standsIn(let key, let time) = DelegationCheck.judge(identity.material.certificate, of: issuer) {
                #expect(key == node.publicKey && time == Self.time)
            }
        }
        #expect(read > 100)
    }

    @Test(arguments: [0, 31, 33]) func `a seed of another length than 32 stands in for nobody`(length: Int) throws {
        let node = try makeIdentity()
        #expect(throws: TransportError.self) { try node.delegate(to: [UInt8](repeating: 7, count: length), for: Self.time) }
    }

    @Test func `certificates of another key are not used`() throws {
        let node = try makeIdentity()
        let made = try node.delegate(to: Array(1...32), for: Self.time)
        let other = TLSDelegation(seed: Array(2...33), certificate: made.certificate, issuer: made.issuer)
        #expect(throws: TransportError.unusableKey(reason: "its certificates are not its own")) { try TLSIdentity(other) }
        let long = TLSDelegation(seed: made.seed, certificate: made.certificate + [0], issuer: made.issuer)
        #expect(throws: TransportError.unusableKey(reason: "its certificate cannot be read")) { try TLSIdentity(long) }
    }

    /// The server's reason to refuse a client whose certificates are forged as `change` says.
    private func refusal(_ change: (inout Forgery) -> Void) throws -> String? {
        var forgery = Forgery(key: try makeIdentity(), issuer: try makeIdentity(), extras: Self.ours)
        change(&forgery)
        let server = try makeIdentity()
        let pair = try TLSPair(server: TLSContext(serverWith: server), client: try forgery.context(for: server.publicKey))
        switch pair.shakeHands().server {
        case nil:
            #expect(pair.server.peerKey == forgery.issuer.publicKey)
            return nil
        case .unacceptableCertificate(let reason): return reason
        case let error?: return error.message
        }
    }
}

/// The certificates of a client as somebody else would make them.
private struct Forgery {
    typealias Extra = (name: String, isCritical: Int32, content: [UInt8])
    enum Extras {
        static let identifier = "2.25.140405758692145218177287202617608172179"
        static let mark: [Extra] = [(identifier, 1, [0x05, 0x00])]
        static let uncriticalMark: [Extra] = [(identifier, 0, [0x05, 0x00])]
        static let wrongMark: [Extra] = [(identifier, 1, [0x0C, 0x00])]
        static let noAuthority: [Extra] = [("2.5.29.19", 1, [0x30, 0x00])]
        static let authority: [Extra] = [("2.5.29.19", 1, [0x30, 0x03, 0x01, 0x01, 0xFF])]
        static let usage: [Extra] = [("2.5.29.15", 1, [0x03, 0x02, 0x07, 0x80])]
    }

    let key: TLSIdentity
    let issuer: TLSIdentity
    var extras: [Extra]
    /// Signs the first certificate; the issuer where it is nil.
    var signer: OpaquePointer?
    /// Signs the second one; the issuer itself where it is nil.
    var issuerSigner: OpaquePointer?
    var third: OpaquePointer?

    init(key: TLSIdentity, issuer: TLSIdentity, extras: [Extra]) { (self.key, self.issuer, self.extras) = (key, issuer, extras) }

    func context(for pin: [UInt8]) throws -> TLSContext {
        let leaf = try certificate(of: key.material.key, extras, signedBy: signer ?? issuer.material.key)
        let parent = try certificate(of: issuer.material.key, [], signedBy: issuerSigner ?? issuer.material.key)
        EVP_PKEY_up_ref(key.material.key)
        let identity = TLSIdentity(
            publicKey: issuer.publicKey, material: .init(key: key.material.key, certificate: leaf, issuer: parent))
        let context = try TLSContext(clientWith: identity, expecting: pin)
        if let third { stint_ssl_add_chain(context.handle, third) }
        return context
    }

    private func certificate(of key: OpaquePointer, _ extras: [Extra], signedBy signer: OpaquePointer) throws -> OpaquePointer {
        guard let certificate = X509_new() else { throw TestError("X509_new") }
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1)
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0)
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600)
        X509_set_pubkey(certificate, key)
        for (name, isCritical, content) in extras {
            let bytes = ASN1_OCTET_STRING_new()
            ASN1_OCTET_STRING_set(bytes, content, Int32(content.count))
            let one = X509_EXTENSION_create_by_OBJ(nil, OBJ_txt2obj(name, 1), isCritical, bytes)
            guard X509_add_ext(certificate, one, -1) == 1 else { throw TestError("X509_add_ext") }
        }
        guard X509_sign(certificate, signer, nil) > 0 else { throw TestError("X509_sign") }
        return certificate
    }
}
