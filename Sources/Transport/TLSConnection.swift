// SPDX-License-Identifier: Apache-2.0
// SECURITY: no byte is read or written before the peer's key is accepted; the end of the bytes is believed only
// when the peer said it.

import CLinux
import Glibc
import Posix
import COpenSSL

/// One TLS connection over a non-blocking socket that it owns.
///
/// Used by one thread at a time; it may be handed from thread to thread between two calls. Nothing here waits:
/// what cannot go on says so, and the caller polls ``descriptor``.
package final class TLSConnection: @unchecked Sendable {
    package enum Progress: Sendable { case done, wantsRead, wantsWrite }
    package enum ReadOutcome: Sendable, Equatable {
        case bytes(Int)
        case wouldBlock
        /// The peer said goodbye: there are no more bytes, and none is missing.
        case end
    }
    package enum WriteOutcome: Sendable, Equatable { case bytes(Int), wouldBlock }

    private let context: TLSContext  // the handle refers to it
    private let check: PeerCheck
    private var handle: OpaquePointer?
    private var isEstablished = false
    /// The handle while bytes may pass: from the end of the handshake until the connection fails or is closed.
    private var open: OpaquePointer?
    /// A failed TLS connection must not be used again, not even for its goodbye.
    private var hasFailed = false
    /// The last read found the socket empty. What OpenSSL still holds then is part of a record.
    private var isDrained = false

    /// The socket, for `poll`. -1 after ``close()``.
    package private(set) var descriptor: Int32

    /// - Parameter descriptor: a connected, non-blocking socket; owned from now on, also when this throws.
    package init(_ context: TLSContext, adopting descriptor: Int32) throws(TransportError) {
        self.context = context
        self.descriptor = descriptor
        check = PeerCheck(context.role)
        handle = SSL_new(context.handle)
        guard let handle, SSL_set_fd(handle, descriptor) == 1,
            SSL_set_ex_data(handle, 0, Unmanaged.passUnretained(check).toOpaque()) == 1
        else {
            close()
            throw .cryptography(operation: "SSL_new")
        }
        if context.role == .server { SSL_set_accept_state(handle) } else { SSL_set_connect_state(handle) }
    }

    deinit { close() }

    /// The peer's Ed25519 public key, 32 raw bytes; empty until the handshake is done.
    package var peerKey: [UInt8] { isEstablished ? check.key : [] }

    /// When a key that stands in for ``peerKey`` may do so; `nil` where the peer holds that key itself.
    package var peerDelegation: DelegatedTime? { isEstablished ? check.delegation : nil }

    /// Whether a read may find bytes although the socket is silent: do not poll, read.
    package var hasPending: Bool {
        guard let handle, !isDrained else { return false }
        return SSL_has_pending(handle) == 1
    }

    /// Takes the handshake as far as it goes. A client that is done does not know yet whether the server accepts
    /// its key: that shows at the first read (TLS 1.3).
    package func handshake() throws(TransportError) -> Progress {
        let handle = try usable()
        let result = SSL_do_handshake(handle)
        guard result != 1 else {
            guard ProtocolName.isAgreed(on: handle) else { throw fail(.wrongProtocol) }
            guard check.verdict == .accepted else { throw fail(.unacceptableCertificate(reason: "it was not seen")) }
            isEstablished = true
            open = handle
            return .done
        }
        switch SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case let code: throw fail(handshakeError(code))
        }
    }

    /// Reads what is there, at most one TLS record (16 KiB).
    ///
    /// - Throws: ``TransportError/truncated`` when the peer's bytes end without its goodbye.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> ReadOutcome {
        precondition(!buffer.isEmpty)
        let handle = try passing()
        var count = 0
        let result = SSL_read_ex(handle, buffer.baseAddress, buffer.count, &count)
        guard result != 1 else {
            isDrained = false
            return .bytes(count)
        }
        switch SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            isDrained = true
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .end
        case let code: throw fail(transferError(code))
        }
    }

    /// Writes what the socket takes; less than all of it is normal.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TransportError) -> WriteOutcome {
        guard !bytes.isEmpty else { return .bytes(0) }
        let handle = try passing()
        var count = 0
        let result = SSL_write_ex(handle, bytes.baseAddress, bytes.count, &count)
        guard result != 1 else { return .bytes(count) }
        switch SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        case let code: throw fail(transferError(code))
        }
    }

    /// Has the kernel hold back what does not fill a segment, for records that are written one right after the other; off
    /// again, what was held back goes out.
    package func hold(_ isOn: Bool) {
        guard descriptor >= 0 else { return }
        var value: Int32 = isOn ? 1 : 0
        // It only saves work; it fails on a socket that is gone, which the next call on it reports.
        _ = setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Says goodbye, so that the peer knows nothing is missing. Does nothing on a connection that failed.
    package func closeNotify() {
        guard let handle, isEstablished, !hasFailed else { return }
        ERR_clear_error()
        // The result does not matter: the peer may be gone, and we do not wait for its goodbye.
        _ = SSL_shutdown(handle)
    }

    /// Closes the socket. Further calls throw ``TransportError/closed``.
    package func close() {
        if let handle { SSL_free(handle) }
        (handle, open) = (nil, nil)
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    private func usable() throws(TransportError) -> OpaquePointer {
        guard let handle, !hasFailed else { throw .closed }
        forgetErrors()
        return handle
    }

    private func passing() throws(TransportError) -> OpaquePointer {
        guard let open else {
            precondition(isEstablished, "bytes before the handshake is done")
            throw .closed
        }
        forgetErrors()
        return open
    }

    private func forgetErrors() {
        // An error left on this thread by another connection would be taken for one of this connection.
        if ERR_peek_error() != 0 { ERR_clear_error() }
        errno = 0
    }

    private func fail(_ error: TransportError) -> TransportError {
        (hasFailed, open) = (true, nil)
        return error
    }

    private func handshakeError(_ code: Int32) -> TransportError {
        switch check.verdict {
        case .wrongKey(let expected): return .wrongKey(expected: expected, found: check.key)
        case .unacceptable(let reason): return .unacceptableCertificate(reason: reason)
        case .notSeen, .accepted: break
        }
        switch transferError(code) {
        case .truncated: return .handshakeFailed(reason: "the peer closed the connection")
        case let other: return other
        }
    }

    private func transferError(_ code: Int32) -> TransportError {
        let systemError = errno
        let queued = ERR_peek_error()
        let reason = stint_error_reason(queued)
        if queued == 0 || reason == stint_reason_unexpected_eof {
            let broken = systemError == 0 || systemError == ECONNRESET || systemError == EPIPE
            return broken || code == SSL_ERROR_SSL ? .truncated : .system(SystemError(call: "TLS socket", errno: systemError))
        }
        let alert = reason - stint_reason_alert_offset
        if (0...255).contains(alert), let text = SSL_alert_desc_string_long(alert) {
            return .refusedByPeer(alert: String(cString: text))
        }
        guard let text = ERR_reason_error_string(queued) else { return .handshakeFailed(reason: "error \(queued)") }
        return .handshakeFailed(reason: String(cString: text))
    }
}
