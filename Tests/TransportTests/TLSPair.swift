// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

@testable import Transport

/// Two connected, non-blocking sockets.
func makeSocketPair() throws -> (Int32, Int32) {
    var pair: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else { throw TestError("socketpair") }
    return (pair[0], pair[1])
}

struct TestError: Error {
    let what: String
    init(_ what: String) { self.what = what }
}

/// Two of our own connections, joined, driven in turns by one thread.
struct TLSPair {
    let server: TLSConnection
    let client: TLSConnection

    init(server: TLSContext, client: TLSContext) throws {
        let (one, other) = try makeSocketPair()
        self.server = try TLSConnection(server, adopting: one)
        self.client = try TLSConnection(client, adopting: other)
    }

    /// With matching keys and the handshake done.
    static func established() throws -> TLSPair {
        let (one, other) = (try makeIdentity(), try makeIdentity())
        let pair = try TLSPair(
            server: TLSContext(serverWith: one), client: TLSContext(clientWith: other, expecting: one.publicKey))
        let (server, client) = pair.shakeHands()
        guard server == nil, client == nil else { throw TestError("handshake") }
        return pair
    }

    /// Runs both handshakes to their ends.
    ///
    /// - Returns: how each side failed, nil for success.
    func shakeHands() -> (server: TransportError?, client: TransportError?) {
        let server = Party(server)
        let client = Party(client)
        for _ in 0..<10 {
            client.step()
            server.step()
        }
        return (server.error, client.error)
    }

    private final class Party {
        let connection: TLSConnection
        var isDone = false
        var error: TransportError?

        init(_ connection: TLSConnection) { self.connection = connection }

        func step() {
            guard !isDone, error == nil else { return }
            do throws(TransportError) { isDone = try connection.handshake() == .done } catch { self.error = error }
        }
    }
}

/// Two of our own connections with their handshake done, whose bytes pass through the test's hands.
final class TLSWire {
    let server: TLSConnection
    let client: TLSConnection
    private let serverWire: Int32
    private let clientWire: Int32

    init() throws {
        let (serverEnd, clientEnd): (Int32, Int32)
        (serverWire, serverEnd) = try makeSocketPair()
        (clientWire, clientEnd) = try makeSocketPair()
        let (one, other) = (try makeIdentity(), try makeIdentity())
        server = try TLSConnection(TLSContext(serverWith: one), adopting: serverEnd)
        client = try TLSConnection(TLSContext(clientWith: other, expecting: one.publicKey), adopting: clientEnd)
        _ = try client.handshake()
        giveToServer(takeFromClient())
        _ = try server.handshake()
        write(take(from: serverWire), to: clientWire)
        guard try client.handshake() == .done else { throw TestError("handshake") }
        giveToServer(takeFromClient())
        guard try server.handshake() == .done else { throw TestError("handshake") }
    }

    deinit { _ = (close(serverWire), close(clientWire)) }

    func takeFromClient() -> [UInt8] { take(from: clientWire) }
    func giveToServer(_ bytes: [UInt8]) { write(bytes, to: serverWire) }

    private func take(from wire: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = read(wire, &buffer, buffer.count)
        return Array(buffer.prefix(max(0, count)))
    }

    private func write(_ bytes: [UInt8], to wire: Int32) {
        _ = Glibc.write(wire, bytes, bytes.count)
    }
}

extension TLSConnection {
    func read(maximum: Int = 16 * 1024) throws -> (outcome: ReadOutcome, bytes: [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: maximum)
        let outcome = try buffer.withUnsafeMutableBytes { try read(into: $0) }
        guard case .bytes(let count) = outcome else { return (outcome, []) }
        return (outcome, Array(buffer.prefix(count)))
    }

    func write(_ bytes: [UInt8]) throws -> WriteOutcome { try bytes.withUnsafeBytes { try write($0) } }
}

/// A TLS party that is not ours, to be refused: plain OpenSSL with other keys and settings.
final class ForeignParty {
    enum Key { case ed25519, p256, rsa, none }

    private let context: OpaquePointer
    private let handle: OpaquePointer
    private let isServer: Bool

    init(
        isServer: Bool = false, key kind: Key = .ed25519, on descriptor: Int32, version: Int32 = TLS1_3_VERSION,
        protocolName: String? = "stint/1", hasChain: Bool = false
    ) throws {
        guard let context = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()),
            stint_ssl_set_version(context, version) == 1
        else { throw TestError("SSL_CTX_new") }
        if kind != .none {
            let key = try Self.makeKey(kind)
            let certificate = try Self.makeCertificate(key, kind)
            guard SSL_CTX_use_certificate(context, certificate) == 1, SSL_CTX_use_PrivateKey(context, key) == 1 else {
                throw TestError("SSL_CTX_use_PrivateKey")
            }
            if hasChain {
                let chainCertificate = 89, keepReference = 1  // SSL_CTX_add1_chain_cert
                SSL_CTX_ctrl(context, Int32(chainCertificate), keepReference, UnsafeMutableRawPointer(certificate))
            }
        }
        if let name = protocolName.map({ Array($0.utf8) }) {
            SSL_CTX_set_alpn_protos(context, [UInt8(name.count)] + name, UInt32(name.count + 1))
        }
        guard let handle = SSL_new(context), SSL_set_fd(handle, descriptor) == 1 else { throw TestError("SSL_new") }
        if isServer { SSL_set_accept_state(handle) } else { SSL_set_connect_state(handle) }
        (self.context, self.handle, self.isServer) = (context, handle, isServer)
    }

    deinit {
        close(SSL_get_fd(handle))
        SSL_free(handle)
        SSL_CTX_free(context)
    }

    /// One step of the handshake, and of reading when it is done.
    func step() {
        ERR_clear_error()
        guard SSL_do_handshake(handle) == 1 else { return }
        var byte: UInt8 = 0
        SSL_read(handle, &byte, 1)
    }

    private static func makeKey(_ kind: Key) throws -> OpaquePointer {
        let number = kind == .rsa ? EVP_PKEY_RSA : kind == .p256 ? EVP_PKEY_EC : EVP_PKEY_ED25519
        var key: OpaquePointer?
        guard let context = EVP_PKEY_CTX_new_id(number, nil), EVP_PKEY_keygen_init(context) == 1 else {
            throw TestError("EVP_PKEY_keygen_init")
        }
        defer { EVP_PKEY_CTX_free(context) }
        if kind == .rsa { EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) }
        if kind == .p256 { EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) }
        guard EVP_PKEY_generate(context, &key) == 1, let key else { throw TestError("EVP_PKEY_generate") }
        return key
    }

    private static func makeCertificate(_ key: OpaquePointer, _ kind: Key) throws -> OpaquePointer {
        guard let certificate = X509_new() else { throw TestError("X509_new") }
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1)
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0)
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600)
        X509_set_pubkey(certificate, key)
        guard X509_sign(certificate, key, kind == .ed25519 ? nil : EVP_sha256()) > 0 else { throw TestError("X509_sign") }
        return certificate
    }
}
