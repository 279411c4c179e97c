// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A network between a client and the broker that a test can break: it passes bytes on as they are.
final class CuttableProxy: Sendable {
    private struct State {
        var connections: [Int32] = []
        var isStalled = false
        var isClosed = false
        var accepted = 0
    }

    let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let state = Mutex(State())

    /// - Parameter target: a port of the loopback address.
    init(to target: UInt16) throws {
        self.target = target
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw HarnessError("the proxy cannot listen") }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in acceptAll() }
    }

    /// How many connections were taken so far.
    var accepted: Int { state.withLock { $0.accepted } }

    /// Ends all connections at once, with a reset.
    func cut() {
        let all = state.withLock { state in
            defer { state.connections = [] }
            return state.connections
        }
        for number in all { shutdown(number, Int32(SHUT_RDWR)) }
    }

    /// From now on nothing passes and nobody is told, as when a laptop sleeps; new connections pass.
    func stall() {
        state.withLock { $0.isStalled = true }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        shutdown(listener, Int32(SHUT_RDWR))
        cut()
    }

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            guard !state.withLock({ $0.isClosed }), let server = connect() else {
                _ = Glibc.close(client)
                continue
            }
            let gate = Gate()
            state.withLock { state in
                state.isStalled = false
                state.accepted += 1
                state.connections += [client, server]
            }
            Thread.detachNewThread { [self] in pass(from: client, to: server, gate) }
            Thread.detachNewThread { [self] in pass(from: server, to: client, gate) }
        }
        _ = Glibc.close(listener)
    }

    /// The two directions of a connection; the second that ends closes both sockets.
    private final class Gate: Sendable {
        let ended = Atomic(0)
        let isStalled = Atomic(false)
    }

    private func pass(from source: Int32, to target: Int32, _ gate: Gate) {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { break }
            if state.withLock({ $0.isStalled }) { gate.isStalled.store(true, ordering: .relaxed) }
            if gate.isStalled.load(ordering: .relaxed) { continue }
            guard send(target, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
        }
        if !gate.isStalled.load(ordering: .relaxed) {
            shutdown(source, Int32(SHUT_RDWR))
            shutdown(target, Int32(SHUT_RDWR))
        }
        guard gate.ended.wrappingAdd(1, ordering: .relaxed).newValue == 2 else { return }
        state.withLock { $0.connections.removeAll { $0 == source || $0 == target } }
        _ = Glibc.close(source)
        _ = Glibc.close(target)
    }

    private func connect() -> Int32? {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(target)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isConnected { return number }
        _ = Glibc.close(number)
        return nil
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }
}
