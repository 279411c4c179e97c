// SPDX-License-Identifier: Apache-2.0
// SECURITY: a collector of logs is somebody else's server: it is known by an authority that the operator names, and by its
// name. Nothing is sent before both hold.

import CLinux
import COpenSSL
import Glibc
import Posix

/// How a collector is known, and how it knows us.
package struct CollectorTrust: Sendable {
    /// A PEM file with the authorities that may vouch for the collector.
    let authority: String
    /// The name that its certificate must have.
    let name: String
    /// PEM files with our certificate and its key, where the collector asks for one.
    let certificate: (file: String, key: String)?

    package init(authority: String, name: String, certificate: (file: String, key: String)?) {
        self.authority = authority
        self.name = name
        self.certificate = certificate
    }
}

/// A TLS connection on which lines go out and nothing comes back. Used by one thread; its calls wait.
package final class CollectorConnection {
    private let context: OpaquePointer
    private var handle: OpaquePointer?
    private var descriptor: Int32
    private let timeout: Duration

    /// Connects and proves who the collector is.
    package init(to endpoint: Endpoint, trusting trust: CollectorTrust, timeout: Duration = .seconds(15)) throws(TransportError) {
        Signals.ignoreBrokenPipe()
        OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil)
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .cryptography(operation: "SSL_CTX_new") }
        self.context = context
        self.timeout = timeout
        descriptor = -1
        try configure(trust)
        let deadline = BootInstant.now + timeout
        descriptor = try Socket.connect(to: endpoint, before: deadline)
        guard let handle = SSL_new(context), SSL_set_fd(handle, descriptor) == 1, SSL_set1_host(handle, trust.name) == 1,
            stint_ssl_set_server_name(handle, trust.name) == 1
        else { throw .cryptography(operation: "SSL_new") }
        self.handle = handle
        SSL_set_connect_state(handle)
        try repeatUntilDone(before: deadline, "setting up the connection to \(endpoint)") { SSL_do_handshake($0) }
        // With TLS 1.3 a collector refuses our certificate, or the lack of one, after our handshake is done. One that takes it
        // mostly says so, with tickets; for the others a second is enough to hear a refusal before anything is sent.
        if SSL_version(handle) == TLS1_3_VERSION, Socket.wait(descriptor, for: POLLIN, before: .now + Self.verdictTime) {
            try refuseIfClosed()
        }
    }

    private static let verdictTime: Duration = .seconds(1)

    deinit {
        if let handle { SSL_free(handle) }
        SSL_CTX_free(context)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    private func configure(_ trust: CollectorTrust) throws(TransportError) {
        SSL_CTX_set_options(context, stint_ssl_options)
        stint_ssl_set_mode(context, stint_ssl_modes)
        guard stint_ssl_set_minimum_version(context, TLS1_2_VERSION) == 1 else { throw .cryptography(operation: "TLS settings") }
        guard SSL_CTX_load_verify_file(context, trust.authority) == 1 else {
            throw .unusableKey(reason: "\(trust.authority) holds no certificates")
        }
        if let (file, key) = trust.certificate {
            guard SSL_CTX_use_certificate_chain_file(context, file) == 1 else {
                throw .unusableKey(reason: "\(file) holds no certificate")
            }
            guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1, SSL_CTX_check_private_key(context) == 1 else {
                throw .unusableKey(reason: "\(key) is not the key of \(file)")
            }
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }

    /// Sends all of it, and waits until the collector's machine has it: what only lies in a buffer of ours is lost with us.
    package func send(_ bytes: [UInt8]) throws(TransportError) {
        let deadline = BootInstant.now + timeout
        try refuseIfClosed()
        var sent = 0
        while sent < bytes.count {
            var count = 0
            try repeatUntilDone(before: deadline, "sending to the collector") { handle in
                bytes[sent...].withUnsafeBytes { SSL_write_ex(handle, $0.baseAddress, $0.count, &count) }
            }
            sent += count
        }
        try waitUntilAcknowledged(before: deadline)
    }

    /// TCP keeps bytes until the other side's kernel has acknowledged them (tcp(7), SIOCOUTQ).
    private func waitUntilAcknowledged(before deadline: BootInstant) throws(TransportError) {
        var pause: Int32 = 1
        while true {
            var queued: Int32 = 0
            guard stint_unacknowledged(descriptor, &queued) == 0 else { throw .system(SystemError(call: "ioctl", errno: errno)) }
            if queued == 0 { return }
            guard BootInstant.now < deadline else { throw .timedOut(doing: "waiting for the collector's acknowledgement") }
            // The kernel has no event for it. A collector that says something meanwhile ends the wait early.
            var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&item, 1, pause)
            pause = min(pause * 2, 50)
        }
    }

    /// A collector that closed, or refused our certificate after the handshake, says so here.
    private func refuseIfClosed() throws(TransportError) {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&item, 1, 0) > 0, let handle else { return }
        var byte: UInt8 = 0
        ERR_clear_error()
        let result = SSL_read(handle, &byte, 1)
        switch SSL_get_error(handle, result) {
        case SSL_ERROR_NONE, SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return
        case SSL_ERROR_ZERO_RETURN: throw .closed
        default: throw failure
        }
    }

    /// Says that nothing follows, and waits until the collector has read all of it and closed. A bare close makes some
    /// collectors drop what they have not read.
    ///
    /// - Returns: whether the collector closed in time.
    /// - Throws: what it says, or that it broke the connection off.
    package func finish() throws(TransportError) -> Bool {
        guard let handle else { return false }
        ERR_clear_error()
        _ = SSL_shutdown(handle)
        let deadline = BootInstant.now + timeout
        var byte: UInt8 = 0
        while Socket.wait(descriptor, for: POLLIN, before: deadline) {
            ERR_clear_error()
            let result = SSL_read(handle, &byte, 1)
            if result > 0 { continue }
            switch SSL_get_error(handle, result) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: continue
            case SSL_ERROR_ZERO_RETURN: return true
            // It closed without a word of TLS, as some do.
            case SSL_ERROR_SSL where stint_error_reason(ERR_peek_error()) == stint_reason_unexpected_eof: return true
            default: throw failure
            }
        }
        return false
    }

    private func repeatUntilDone(
        before deadline: BootInstant, _ what: String, _ attempt: (OpaquePointer) -> Int32
    ) throws(TransportError) {
        guard let handle else { throw .closed }
        while true {
            ERR_clear_error()
            let result = attempt(handle)
            if result == 1 { return }
            let events: Int32
            switch SSL_get_error(handle, result) {
            case SSL_ERROR_WANT_READ: events = POLLIN
            case SSL_ERROR_WANT_WRITE: events = POLLOUT
            default: throw failure
            }
            guard Socket.wait(descriptor, for: events, before: deadline) else { throw .timedOut(doing: what) }
        }
    }

    private var failure: TransportError {
        if let handle {
            let verdict = SSL_get_verify_result(handle)
            if verdict != Int(X509_V_OK), let text = X509_verify_cert_error_string(verdict) {
                return .unacceptableCertificate(reason: String(cString: text))
            }
        }
        let queued = ERR_peek_error()
        guard queued != 0, let text = ERR_reason_error_string(queued) else { return .truncated }
        return .handshakeFailed(reason: String(cString: text))
    }
}
