// SPDX-License-Identifier: Apache-2.0
// SECURITY: the only place that accepts a peer's certificate. One certificate, Ed25519, and the pinned key if
// there is a pin; a server also takes one that stands in for such a one (TLSDelegation.swift). OpenSSL's own chain check is
// replaced: there are no authorities here.

import COpenSSL

/// What one handshake expects of the peer's certificate, and what it found.
final class PeerCheck {
    enum Verdict: Equatable {
        case notSeen
        case accepted
        case wrongKey(expected: [UInt8])
        case unacceptable(reason: String)
    }

    private let pin: [UInt8]?
    private(set) var key: [UInt8] = []
    /// When a key that stands in for ``key`` may do so; `nil` where the peer holds ``key`` itself.
    private(set) var delegation: DelegatedTime?
    private(set) var verdict: Verdict = .notSeen

    init(_ role: TLSContext.Role) {
        switch role {
        case .server: pin = nil
        case .client(let expected): pin = expected
        }
    }

    /// OpenSSL calls this in the middle of a handshake, on the thread that runs it.
    static func verify(_ store: OpaquePointer?) -> Int32 {
        guard let store,
            let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let slot = SSL_get_ex_data(OpaquePointer(ssl), 0)
        else { return 0 }
        let check = Unmanaged<PeerCheck>.fromOpaque(slot).takeUnretainedValue()
        check.verdict = check.judge(X509_STORE_CTX_get0_cert(store), with: X509_STORE_CTX_get0_untrusted(store))
        guard check.verdict == .accepted else {
            X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)  // sends the alert "bad certificate"
            return 0
        }
        X509_STORE_CTX_set_error(store, X509_V_OK)
        return 1
    }

    /// - Parameter stack: all certificates that came, `certificate` first.
    private func judge(_ certificate: OpaquePointer?, with stack: OpaquePointer?) -> Verdict {
        guard let certificate, let publicKey = X509_get0_pubkey(certificate) else {
            return .unacceptable(reason: "it carries no readable key")
        }
        switch stint_x509_stack_count(stack) {
        case ...1: break
        case 2 where pin == nil: return judge(certificate, standingInFor: stint_x509_stack_value(stack, 1))
        default: return .unacceptable(reason: "it comes with a chain of other certificates")
        }
        guard let found = rawEd25519Key(of: publicKey) else {
            return .unacceptable(reason: "its key is not an Ed25519 key")
        }
        key = found
        if let pin, CRYPTO_memcmp(pin, found, found.count) != 0 { return .wrongKey(expected: pin) }
        return .accepted
    }

    private func judge(_ certificate: OpaquePointer, standingInFor issuer: OpaquePointer?) -> Verdict {
        guard let issuer else { return .unacceptable(reason: "it comes with one that cannot be read") }
        switch DelegationCheck.judge(certificate, of: issuer) {
        case .standsIn(let found, let time):
            key = found
            delegation = time
            return .accepted
        case .refused(let reason): return .unacceptable(reason: reason)
        }
    }
}
