// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import Posix

/// TCP sockets: made non-blocking and close-on-exec, without delay, with the kernel finding dead peers.
package enum Socket {
    /// Connects to the first address of the endpoint that answers.
    ///
    /// - Returns: the descriptor; the caller owns it.
    static func connect(to endpoint: Endpoint, before deadline: BootInstant) throws(TransportError) -> Int32 {
        let addresses = try resolve(endpoint, flags: AI_ADDRCONFIG)
        var lastError = TransportError.nameNotFound(endpoint.host, reason: "it has no address")
        for address in addresses {
            do throws(TransportError) {
                return try connect(to: address, of: endpoint, before: deadline)
            } catch {
                lastError = error
            }
        }
        throw lastError
    }

    /// Listens on the first address of the endpoint.
    ///
    /// - Returns: the descriptor, which the caller owns, and where it is bound: port 0 becomes a free one.
    package static func listen(on endpoint: Endpoint) throws(TransportError) -> (descriptor: Int32, bound: Endpoint) {
        guard let address = try resolve(endpoint, flags: AI_PASSIVE).first else {
            throw .nameNotFound(endpoint.host, reason: "it has no address")
        }
        let descriptor = try open(family: address.family)
        do throws(TransportError) {
            // A restarted broker must not wait for its old connections to be forgotten.
            set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
            let bound = address.withPointer { bind(descriptor, $0, $1) } == 0
            guard bound, Glibc.listen(descriptor, 1024) == 0 else {
                throw errno == EADDRINUSE ? .portInUse(endpoint) : .cannotListen(endpoint, errno: errno)
            }
            let port = try boundAddress(of: descriptor).port
            return (descriptor, Endpoint(host: endpoint.host, port: port))
        } catch {
            _ = close(descriptor)
            throw error
        }
    }

    package enum Accepted {
        case connection(Int32, address: String)
        case none
        /// The process has no descriptor left.
        case exhausted
    }

    package static func accept(from listener: Int32) -> Accepted {
        var address = SocketAddress()
        let descriptor = address.withMutablePointer {
            accept4(listener, __SOCKADDR_ARG(__sockaddr__: $0), $1, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
        }
        guard descriptor >= 0 else {
            // Anything else concerns one connection that is gone already, accept(2).
            return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS ? .exhausted : .none
        }
        tune(descriptor)
        return .connection(descriptor, address: address.host)
    }

    /// Waits until the socket is ready for `events` (or broken, which the next call on it reports).
    ///
    /// - Returns: false when the deadline came first.
    static func wait(_ descriptor: Int32, for events: Int32, before deadline: BootInstant) -> Bool {
        while true {
            let left = BootInstant.now.duration(to: deadline)
            var item = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: events), revents: 0)
            let ready = poll(&item, 1, left.pollTimeout)
            if ready > 0 { return true }
            if ready == 0, left <= .zero { return false }
            if ready < 0, errno != EINTR { return true }
        }
    }

    /// Where a name leads, in the order in which to try.
    package static func addresses(of endpoint: Endpoint) throws(TransportError) -> [SocketAddress] {
        try resolve(endpoint, flags: AI_ADDRCONFIG)
    }

    /// Begins to connect, and does not wait: the socket is writable when it is done, see ``finishConnecting(_:)``.
    package static func beginConnecting(to address: SocketAddress) throws(TransportError) -> Int32 {
        let descriptor = try open(family: address.family)
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        guard address.withPointer({ Glibc.connect(descriptor, $0, $1) }) != 0, errno != EINPROGRESS else { return descriptor }
        let failure = errno
        _ = close(descriptor)
        throw .unreachable(Endpoint(host: address.host, port: address.port), errno: failure)
    }

    /// - Throws: why a connection that was begun could not be made. The descriptor stays open.
    package static func finishConnecting(_ descriptor: Int32) throws(SystemError) {
        var failure: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) != 0 { failure = errno }
        guard failure == 0 else { throw SystemError(call: "connect", errno: failure) }
    }

    /// Both ends of a connection; `nil` where it is gone.
    package static func ends(of descriptor: Int32) -> (own: SocketAddress, peer: SocketAddress)? {
        var (own, peer) = (SocketAddress(), SocketAddress())
        guard own.withMutablePointer({ getsockname(descriptor, $0, $1) }) == 0,
            peer.withMutablePointer({ getpeername(descriptor, $0, $1) }) == 0
        else { return nil }
        return (own, peer)
    }

    /// The next close tells the peer that bytes may be lost (RST), instead of an orderly end.
    package static func breakOff(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    private static func connect(
        to address: SocketAddress, of endpoint: Endpoint, before deadline: BootInstant
    ) throws(TransportError) -> Int32 {
        let descriptor = try open(family: address.family)
        tune(descriptor)
        var failure: Int32 = 0
        if address.withPointer({ Glibc.connect(descriptor, $0, $1) }) != 0 { failure = errno }
        if failure == EINPROGRESS {
            guard wait(descriptor, for: POLLOUT, before: deadline) else {
                _ = close(descriptor)
                throw .unreachable(endpoint, errno: ETIMEDOUT)
            }
            var length = socklen_t(MemoryLayout<Int32>.size)
            if getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &length) != 0 { failure = errno }
        }
        guard failure == 0 else {
            _ = close(descriptor)
            throw .unreachable(endpoint, errno: failure)
        }
        return descriptor
    }

    private static func open(family: Int32) throws(TransportError) -> Int32 {
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let descriptor = socket(family, Int32(kind), 0)
        guard descriptor >= 0 else { throw .system(SystemError(call: "socket", errno: errno)) }
        return descriptor
    }

    /// A silent peer is asked after 5 s and given up after 15 s, by the kernel, with no wake-up of ours.
    private static func tune(_ descriptor: Int32) {
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 5)
        set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 5)
        set(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, 2)
        set(descriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, 15_000)
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        // Fails only on a socket whose connection is gone already, which the next call on it reports.
        _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func boundAddress(of descriptor: Int32) throws(TransportError) -> SocketAddress {
        var address = SocketAddress()
        guard address.withMutablePointer({ getsockname(descriptor, $0, $1) }) == 0 else {
            throw .system(SystemError(call: "getsockname", errno: errno))
        }
        return address
    }

    private static func resolve(_ endpoint: Endpoint, flags: Int32) throws(TransportError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        // An address needs no look at the machine's own, and nobody to ask for a name.
        hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | (flags & AI_PASSIVE)
        var list: UnsafeMutablePointer<addrinfo>?
        var code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        if code != 0 {
            hints.ai_flags = AI_NUMERICSERV | flags
            code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        }
        if code != 0, flags & AI_ADDRCONFIG != 0 {
            // On a machine with nothing but loopback the flag hides even the loopback addresses.
            hints.ai_flags = AI_NUMERICSERV
            code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        }
        guard code == 0 else { throw .nameNotFound(endpoint.host, reason: String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        return sequence(first: list, next: { $0?.pointee.ai_next }).prefix { $0 != nil }
            .compactMap { $0.flatMap { SocketAddress($0.pointee) } }
    }
}

/// An IPv4 or IPv6 address with a port, as the kernel writes it.
package struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    init() {}

    init?(_ information: addrinfo) {
        guard let address = information.ai_addr, Int(information.ai_addrlen) <= MemoryLayout<sockaddr_storage>.size else {
            return nil
        }
        length = information.ai_addrlen
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(information.ai_addrlen)))
        }
    }

    var family: Int32 { Int32(storage.ss_family) }

    package var port: UInt16 {
        withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)) }
    }

    /// The address in network order: 4 bytes or 16; none for another family.
    package var bytes: [UInt8] {
        let (offset, count) = family == AF_INET ? (4, 4) : (8, family == AF_INET6 ? 16 : 0)  // sin_addr, sin6_addr
        return withUnsafeBytes(of: storage) { Array($0[offset..<offset + count]) }
    }

    /// The address without its port, as text.
    package var host: String {
        let offset = family == AF_INET ? 4 : 8  // sin_addr, sin6_addr
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        return withUnsafeBytes(of: storage) { raw in
            guard family == AF_INET || family == AF_INET6, let base = raw.baseAddress,
                let result = inet_ntop(family, base + offset, &text, socklen_t(text.count))
            else { return "?" }
            return String(cString: result)
        }
    }

    func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    mutating func withMutablePointer<R>(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> R
    ) -> R {
        withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
        }
    }
}

extension Duration {
    /// Milliseconds for `poll`, rounded up so that a wait never ends before its time; at most a minute.
    var pollTimeout: Int32 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        guard seconds < 60 else { return 60_000 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
