// SPDX-License-Identifier: Apache-2.0
// SECURITY: TLS 1.3 only; both sides prove an Ed25519 key; a client talks only to the key it expects.

import COpenSSL
import Posix

/// The settings of all connections of one role: TLS 1.3, both sides authenticated, no tickets, no early data.
package final class TLSContext: @unchecked Sendable {  // the OpenSSL object does not change after `init`
    enum Role: Equatable {
        case server
        /// The server must show exactly this key.
        case client(expecting: [UInt8])
    }

    let role: Role
    let handle: OpaquePointer

    /// A server asks every client for a certificate and takes any self-signed Ed25519 one, or one that stands in for such
    /// a one: the handshake proves that the peer holds the key. What the key may do is the caller's decision, by
    /// ``TLSConnection/peerKey`` and ``TLSConnection/peerDelegation``.
    package convenience init(serverWith identity: TLSIdentity) throws(TransportError) {
        try self.init(identity, .server)
    }

    /// - Parameter pin: the 32 raw bytes of the server's public key.
    package convenience init(clientWith identity: TLSIdentity, expecting pin: [UInt8]) throws(TransportError) {
        guard pin.count == 32 else {
            throw .unusableKey(reason: "a pinned Ed25519 key has 32 bytes, this one has \(pin.count)")
        }
        try self.init(identity, .client(expecting: pin))
    }

    private init(_ identity: TLSIdentity, _ role: Role) throws(TransportError) {
        // OpenSSL writes with write(2): a peer that is gone must be an error, not the end of the process.
        Signals.ignoreBrokenPipe()
        // Without OpenSSL's configuration file: what we accept is decided here, not by the machine.
        OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil)
        guard let context = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method()) else {
            throw .cryptography(operation: "SSL_CTX_new")
        }
        self.role = role
        handle = context
        try configure(identity)
    }

    deinit { SSL_CTX_free(handle) }

    private func configure(_ identity: TLSIdentity) throws(TransportError) {
        SSL_CTX_set_options(handle, stint_ssl_options)
        stint_ssl_set_mode(handle, stint_ssl_modes)
        // With read-ahead one system call fills the buffer instead of two for each record.
        stint_ssl_set_read_ahead(handle, 1)
        SSL_CTX_set_default_read_buffer_len(handle, 64 * 1024)
        stint_ssl_disable_session_cache(handle)
        SSL_CTX_set_max_early_data(handle, 0)
        guard stint_ssl_set_version(handle, TLS1_3_VERSION) == 1,
            SSL_CTX_set_num_tickets(handle, 0) == 1,
            SSL_CTX_set_ciphersuites(
                handle, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256") == 1,
            stint_ssl_set_groups(handle, "X25519:P-256") == 1,
            stint_ssl_set_signatures(handle, "ed25519") == 1
        else { throw .cryptography(operation: "TLS settings") }
        guard SSL_CTX_use_certificate(handle, identity.material.certificate) == 1,
            SSL_CTX_use_PrivateKey(handle, identity.material.key) == 1
        else { throw .cryptography(operation: "SSL_CTX_use_PrivateKey") }
        if let issuer = identity.material.issuer {
            guard stint_ssl_add_chain(handle, issuer) == 1 else { throw .cryptography(operation: "SSL_CTX_add1_chain_cert") }
        }
        try configureProtocolName()
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        SSL_CTX_set_cert_verify_callback(handle, { store, _ in PeerCheck.verify(store) }, nil)
    }

    /// One name: a peer that asks for another protocol, or for none, is refused.
    private func configureProtocolName() throws(TransportError) {
        switch role {
        case .server:
            SSL_CTX_set_alpn_select_cb(handle, { _, chosen, length, offered, count, _ in
                ProtocolName.select(chosen, length, offered, Int(count))
            }, nil)
        case .client:
            guard SSL_CTX_set_alpn_protos(handle, ProtocolName.wire, UInt32(ProtocolName.wire.count)) == 0 else {
                throw .cryptography(operation: "SSL_CTX_set_alpn_protos")
            }
        }
    }
}

/// The protocol both sides name in the handshake (ALPN, RFC 7301).
enum ProtocolName {
    static let name = Array("stint/1".utf8)
    static let wire = [UInt8(name.count)] + name

    /// The name in memory that lives as long as the process, as the callback's result must.
    private nonisolated(unsafe) static let stored: UnsafePointer<UInt8> = {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: name.count)
        copy.initialize(from: name, count: name.count)
        return UnsafePointer(copy)
    }()

    static func select(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ length: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafePointer<UInt8>?, _ count: Int
    ) -> Int32 {
        var rest = UnsafeBufferPointer(start: offered, count: count)[...]
        while let size = rest.popFirst(), rest.count >= Int(size) {
            if rest.prefix(Int(size)).elementsEqual(name) {
                chosen?.pointee = stored
                length?.pointee = UInt8(name.count)
                return SSL_TLSEXT_ERR_OK
            }
            rest = rest.dropFirst(Int(size))
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    static func isAgreed(on connection: OpaquePointer) -> Bool {
        var chosen: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(connection, &chosen, &length)
        return UnsafeBufferPointer(start: chosen, count: Int(length)).elementsEqual(name)
    }
}
