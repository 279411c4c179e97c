// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Posix

/// Why a connection could not be made, or ended before its work was done.
package enum TransportError: Error, Equatable {
    case badEndpoint(String, reason: String)
    case nameNotFound(String, reason: String)
    case unreachable(Endpoint, errno: Int32)
    case portInUse(Endpoint)
    case cannotListen(Endpoint, errno: Int32)

    /// The server showed another key than the pinned one.
    case wrongKey(expected: [UInt8], found: [UInt8])
    /// The peer's certificate is not one self-signed Ed25519 certificate.
    case unacceptableCertificate(reason: String)
    /// The peer ended the handshake or the connection with this TLS alert.
    case refusedByPeer(alert: String)
    case handshakeFailed(reason: String)
    /// The peer speaks TLS but not our protocol.
    case wrongProtocol

    case timedOut(doing: String)
    /// The connection is not open (any more) at our end.
    case closed
    /// The peer's bytes ended without its goodbye: what came may be incomplete.
    case truncated
    case malformed(HTTPError)
    /// The server answered a request to switch to WebSocket with an ordinary response.
    case upgradeRefused(HTTPResponse)
    case webSocket(WebSocketError)

    case system(SystemError)
    case cryptography(operation: String)
    case unusableKey(reason: String)
}

extension TransportError {
    /// Stable, for scripts.
    package var code: String {
        switch self {
        case .badEndpoint: "transport.bad-endpoint"
        case .nameNotFound: "transport.name-not-found"
        case .unreachable: "transport.unreachable"
        case .portInUse: "transport.port-in-use"
        case .cannotListen: "transport.cannot-listen"
        case .wrongKey: "transport.wrong-key"
        case .unacceptableCertificate: "transport.unacceptable-certificate"
        case .refusedByPeer: "transport.refused-by-peer"
        case .handshakeFailed: "transport.handshake-failed"
        case .wrongProtocol: "transport.wrong-protocol"
        case .timedOut: "transport.timed-out"
        case .closed: "transport.closed"
        case .truncated: "transport.truncated"
        case .malformed(let error): error.code
        case .upgradeRefused: "transport.upgrade-refused"
        case .webSocket(let error): error.code
        case .system(let error): error.code
        case .cryptography: "transport.cryptography"
        case .unusableKey: "transport.unusable-key"
        }
    }

    package var message: String {
        switch self {
        case .badEndpoint(let text, let reason): "\"\(text)\" is not an address: \(reason)."
        case .nameNotFound(let host, let reason): "The name \"\(host)\" has no address: \(reason)."
        case .unreachable(let endpoint, let errno): "\(endpoint) cannot be reached: \(describe(errno))."
        case .portInUse(let endpoint): "Port \(endpoint.port) of \(endpoint.host) is in use by another program."
        case .cannotListen(let endpoint, let errno): "Cannot listen on \(endpoint): \(describe(errno))."
        case .wrongKey(let expected, let found):
            "The server's key is \(hex(found)), but \(hex(expected)) was expected."
        case .unacceptableCertificate(let reason): "The peer's certificate is not acceptable: \(reason)."
        case .refusedByPeer(let alert): "The peer refused this connection: \(alert)."
        case .handshakeFailed(let reason): "The encrypted connection could not be set up: \(reason)."
        case .wrongProtocol: "The peer does not speak Stint's protocol."
        case .timedOut(let what): "Timed out while \(what)."
        case .closed: "The connection is closed."
        case .truncated: "The connection broke off; what was received may be incomplete."
        case .malformed(let error): error.message
        case .upgradeRefused(let response): "The server answered \(response.status) instead of opening a stream."
        case .webSocket(let error): error.message
        case .system(let error): error.message
        case .cryptography(let operation): "The cryptographic library failed in \(operation)."
        case .unusableKey(let reason): "The key cannot be used: \(reason)."
        }
    }

    package var hint: String? {
        switch self {
        case .badEndpoint: "Write HOST:PORT, for example broker.example.org:7420 or [2001:db8::1]:7420."
        case .nameNotFound: "Check the spelling of the name and this machine's name resolution."
        case .unreachable(_, let errno) where errno == ECONNREFUSED:
            "Nothing listens there. Check the port, and that the broker is running."
        case .unreachable: "Check the address, the network and firewalls on the way."
        case .portInUse: "Stop the other program or choose another port."
        case .cannotListen(_, let errno) where errno == EACCES: "Ports below 1024 need a privilege; choose a higher one."
        case .cannotListen: "Check that the address belongs to this machine."
        case .wrongKey:
            "Somebody may be answering in the server's place. If its key was changed on purpose, join it again."
        case .refusedByPeer: "This key may be unknown or disabled there, or the peer expects another key."
        case .unacceptableCertificate, .handshakeFailed, .wrongProtocol:
            "Check that the address is Stint's own port, with no TLS-terminating proxy in between."
        case .timedOut, .truncated: "Try again; if it repeats, check the network between the two machines."
        case .system(let error): error.hint
        case .closed, .malformed, .upgradeRefused, .webSocket, .cryptography, .unusableKey: nil
        }
    }

    private func hex(_ key: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: key.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// The system's sentence for an error number.
func describe(_ number: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }
    return String(decoding: bytes, as: UTF8.self)
}
