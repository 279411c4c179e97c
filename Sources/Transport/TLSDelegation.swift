// SPDX-License-Identifier: Apache-2.0
// SECURITY: how one key lets another stand in for it on connections, and for nothing else. A certificate does so only if it
// carries the mark below, is no authority, and is signed by the Ed25519 key of the one certificate beside it, which is signed
// by itself. The signatures are OpenSSL's to check; nothing of X.509 is parsed here (docs/decisions/0073).

import COpenSSL
import Glibc

/// A key for TLS with the certificate by which another key lets it stand in: all that a process needs to connect for a party
/// whose own key it never sees.
package struct TLSDelegation: Sendable, Equatable {
    /// The 32 secret bytes of the Ed25519 key that stands in.
    package let seed: [UInt8]
    /// Its certificate, DER.
    package let certificate: [UInt8]
    /// The certificate of the party itself, DER.
    package let issuer: [UInt8]

    /// Longer certificates than this are none of ours; both have about 300 bytes.
    package static let maximumCertificate = 2048

    package init(seed: [UInt8], certificate: [UInt8], issuer: [UInt8]) {
        (self.seed, self.certificate, self.issuer) = (seed, certificate, issuer)
    }
}

/// Between which times a certificate that stands in for another is good: seconds since 1970, by the clock of whoever judges.
package struct DelegatedTime: Sendable, Hashable {
    package let notBefore: Int64
    package let notAfter: Int64

    package init(notBefore: Int64, notAfter: Int64) { (self.notBefore, self.notAfter) = (notBefore, notAfter) }

    /// - Parameter seconds: since 1970.
    package func contains(_ seconds: Int64) -> Bool { notBefore <= seconds && seconds < notAfter }
}

extension TLSIdentity {
    /// Makes a key that stands in for this one.
    ///
    /// - Parameters:
    ///   - seed: 32 secret bytes that nothing else was made of.
    ///   - time: when the certificate is good.
    package func delegate(to seed: [UInt8], for time: DelegatedTime) throws(TransportError) -> TLSDelegation {
        guard seed.count == 32, let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else {
            throw .cryptography(operation: "EVP_PKEY_new_raw_private_key")
        }
        defer { EVP_PKEY_free(key) }
        guard let certificate = X509_new() else { throw .cryptography(operation: "X509_new") }
        defer { X509_free(certificate) }
        guard let name = X509_get_subject_name(certificate),
            X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1,
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, "stint connection", -1, -1, 0) == 1,
            X509_set_issuer_name(certificate, X509_get_subject_name(material.certificate)) == 1,
            ASN1_TIME_set(X509_getm_notBefore(certificate), time_t(time.notBefore)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(certificate), time_t(time.notAfter)) != nil,
            X509_set_pubkey(certificate, key) == 1,
            DelegationMark.add(to: certificate),
            X509_sign(certificate, material.key, nil) > 0
        else { throw .cryptography(operation: "X509_sign") }
        return TLSDelegation(seed: seed, certificate: try Self.der(certificate), issuer: try Self.der(material.certificate))
    }

    /// The identity of a process that stands in for a party.
    package init(_ delegation: TLSDelegation) throws(TransportError) {
        guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, delegation.seed, delegation.seed.count) else {
            throw .unusableKey(reason: "it is no Ed25519 key that stands in for another")
        }
        guard let certificate = Self.certificate(delegation.certificate) else {
            EVP_PKEY_free(key)
            throw .unusableKey(reason: "its certificate cannot be read")
        }
        guard let issuer = Self.certificate(delegation.issuer) else {
            EVP_PKEY_free(key)
            X509_free(certificate)
            throw .unusableKey(reason: "the certificate it stands in for cannot be read")
        }
        let material = Material(key: key, certificate: certificate, issuer: issuer)
        guard X509_check_private_key(certificate, key) == 1,
            let publicKey = X509_get0_pubkey(issuer).flatMap({ rawEd25519Key(of: $0) })
        else { throw .unusableKey(reason: "its certificates are not its own") }
        self.init(publicKey: publicKey, material: material)
    }

    private static func der(_ certificate: OpaquePointer) throws(TransportError) -> [UInt8] {
        let length = i2d_X509(certificate, nil)
        guard length > 0 else { throw .cryptography(operation: "i2d_X509") }
        var bytes = [UInt8](repeating: 0, count: Int(length))
        let written = bytes.withUnsafeMutableBufferPointer { buffer in
            var position = buffer.baseAddress
            return i2d_X509(certificate, &position)
        }
        guard written == length else { throw .cryptography(operation: "i2d_X509") }
        return bytes
    }

    static func certificate(_ der: [UInt8]) -> OpaquePointer? {
        guard der.count <= TLSDelegation.maximumCertificate else { return nil }
        return der.withUnsafeBufferPointer { buffer in
            var position = buffer.baseAddress
            guard let certificate = d2i_X509(nil, &position, buffer.count) else { return nil }
            guard position == buffer.baseAddress.map({ $0 + buffer.count }) else {
                X509_free(certificate)
                return nil
            }
            return certificate
        }
    }
}

/// What makes a certificate one that stands in for another: exactly two extensions, both critical, with these very bytes.
enum DelegationMark {
    /// Under the arc for identifiers that nobody has to ask for (ITU-T X.667).
    private static let identifier = "2.25.140405758692145218177287202617608172179"
    private static let content: [UInt8] = [0x05, 0x00]  // NULL
    /// An empty BasicConstraints: no authority (RFC 5280 §4.2.1.9).
    private static let noAuthority: [UInt8] = [0x30, 0x00]

    static func add(to certificate: OpaquePointer) -> Bool {
        guard let mark = OBJ_txt2obj(identifier, 1), let constraints = OBJ_nid2obj(NID_basic_constraints) else { return false }
        defer { ASN1_OBJECT_free(mark) }
        return add(mark, content, to: certificate) && add(constraints, noAuthority, to: certificate)
    }

    /// Why a certificate is not one; `nil` where it is.
    static func fault(of certificate: OpaquePointer) -> String? {
        guard let mark = OBJ_txt2obj(identifier, 1), let constraints = OBJ_nid2obj(NID_basic_constraints) else {
            return "its mark cannot be looked for"
        }
        defer { ASN1_OBJECT_free(mark) }
        guard has(mark, content, certificate) else { return "it comes with another one and is not marked as standing in for it" }
        guard has(constraints, noAuthority, certificate) else { return "it does not say that it is no authority" }
        guard X509_get_ext_count(certificate) == 2 else { return "it says more than that it stands in for another one" }
        return nil
    }

    private static func add(_ object: OpaquePointer, _ content: [UInt8], to certificate: OpaquePointer) -> Bool {
        guard let bytes = ASN1_OCTET_STRING_new() else { return false }
        defer { ASN1_OCTET_STRING_free(bytes) }
        guard ASN1_OCTET_STRING_set(bytes, content, Int32(content.count)) == 1 else { return false }
        let isCritical: Int32 = 1
        guard let one = X509_EXTENSION_create_by_OBJ(nil, object, isCritical, bytes) else { return false }
        defer { X509_EXTENSION_free(one) }
        return X509_add_ext(certificate, one, -1) == 1
    }

    private static func has(_ object: OpaquePointer, _ content: [UInt8], _ certificate: OpaquePointer) -> Bool {
        let index = X509_get_ext_by_OBJ(certificate, object, -1)
        guard index >= 0, let one = X509_get_ext(certificate, index), X509_EXTENSION_get_critical(one) == 1,
            let bytes = X509_EXTENSION_get_data(one)
        else { return false }
        let found = UnsafeBufferPointer(start: ASN1_STRING_get0_data(bytes), count: Int(ASN1_STRING_length(bytes)))
        return found.elementsEqual(content)
    }
}

/// For whom a certificate stands in, and when.
enum DelegationCheck {
    enum Finding: Equatable {
        case standsIn(key: [UInt8], DelegatedTime)
        case refused(String)
    }

    /// - Parameter issuer: the one certificate that came with `certificate`.
    static func judge(_ certificate: OpaquePointer, of issuer: OpaquePointer) -> Finding {
        defer { ERR_clear_error() }  // a refusal leaves its reasons behind, which the next TLS call would report
        if let fault = DelegationMark.fault(of: certificate) { return .refused(fault) }
        guard let own = X509_get0_pubkey(certificate), rawEd25519Key(of: own) != nil else {
            return .refused("its key is not an Ed25519 key")
        }
        guard let key = X509_get0_pubkey(issuer), let raw = rawEd25519Key(of: key) else {
            return .refused("the one it stands in for has no Ed25519 key")
        }
        guard X509_verify(issuer, key) == 1 else { return .refused("the one it stands in for is not signed by its own key") }
        guard X509_verify(certificate, key) == 1 else { return .refused("it is not signed by the key it stands in for") }
        guard let notBefore = seconds(X509_get0_notBefore(certificate)), let notAfter = seconds(X509_get0_notAfter(certificate))
        else { return .refused("its times cannot be read") }
        return .standsIn(key: raw, DelegatedTime(notBefore: notBefore, notAfter: notAfter))
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return Int64(timegm(&parts))
    }
}
