// SPDX-License-Identifier: Apache-2.0

import Posix
import Synchronization

/// A WebSocket that stays in the loop: an agent's control channel, or a session that waits to be paired.
///
/// Its callbacks run on the loop's thread. While neither ``onText`` nor ``onBinary`` is set, no message is looked
/// at: what comes waits for them, or for the one who takes the stream by ``detach(_:)``.
package final class LoopWebSocket: EventSource, @unchecked Sendable {  // see the groups of properties
    package struct CloseReason: Sendable, Equatable {
        /// The peer's status, or 1006 when the connection ended without a close frame (RFC 6455 §7.4.1).
        package let code: UInt16
        package let reason: String
    }

    private enum State {
        case open
        /// Our close frame is queued; waits for the peer's.
        case closing(CloseReason)
        /// The peer broke the protocol: what it sends is thrown away until our close frame is out and it is gone.
        case failing(CloseReason)
        case ended
    }

    private struct Outbox {
        var messages: [(kind: WebSocketStream.Kind, bytes: [UInt8])] = []
        /// Of the messages, and of what the stream has not written yet.
        var byteCount = 0
        var isOpen = true
    }

    private struct Callbacks {
        var onText: (@Sendable (String) -> Void)?
        var onBinary: (@Sendable ([UInt8]) -> Void)?
        var onClose: (@Sendable (CloseReason) -> Void)?
    }

    package let peer: Peer
    private let loop: EventLoop
    private let limits: TransportLimits
    private let outbox = Mutex(Outbox())
    private let callbacks = Mutex(Callbacks())

    // The loop's thread only
    private weak var server: HTTPServer?
    private var stream: WebSocketStream?
    private var state: State = .open
    private var deadline = Deadline()
    private var interest: EventLoop.Events = .input

    init(_ stream: WebSocketStream, on loop: EventLoop, of server: HTTPServer, limits: TransportLimits) {
        self.stream = stream
        self.loop = loop
        self.server = server
        self.limits = limits
        peer = stream.peer
    }

    package var onText: (@Sendable (String) -> Void)? {
        get { callbacks.withLock { $0.onText } }
        set { set { $0.onText = newValue } }
    }

    package var onBinary: (@Sendable ([UInt8]) -> Void)? {
        get { callbacks.withLock { $0.onBinary } }
        set { set { $0.onBinary = newValue } }
    }

    /// Called once, when the connection has ended; not after ``detach(_:)``.
    package var onClose: (@Sendable (CloseReason) -> Void)? {
        get { callbacks.withLock { $0.onClose } }
        set { set { $0.onClose = newValue } }
    }

    /// Whether the connection is still in the loop. Asked on the loop's thread, it stays true until the caller returns.
    package var isOpen: Bool { outbox.withLock { $0.isOpen } }

    /// Queues a message. From any thread.
    ///
    /// - Returns: false when the connection has ended, or when the queue is full: then the peer does not keep up,
    ///   and the message is not sent.
    @discardableResult
    package func send(text: String) -> Bool { queue(.text, Array(text.utf8)) }

    @discardableResult
    package func send(binary: [UInt8]) -> Bool { queue(.binary, binary) }

    /// Asks the peer for a sign of life. From any thread.
    package func ping() { _ = queue(.ping, []) }

    /// Says goodbye, waits shortly for the peer's, and ends. From any thread.
    package func close(_ code: UInt16 = 1000, _ reason: String = "") {
        loop.submit { [self] in
            guard let stream, case .open = state else { return }
            moveOutbox()
            stream.enqueueClose(code, reason: reason)
            state = .closing(CloseReason(code: code, reason: reason))
            wait(limits.linger)
            process()
        }
    }

    /// Takes the connection out of the loop. From any thread.
    ///
    /// - Parameter taken: called on the loop's thread with the stream and everything not yet consumed or written;
    ///   the stream belongs to the thread it is given to. Not called when the connection has ended before:
    ///   ``onClose`` tells that.
    package func detach(_ taken: @escaping @Sendable (sending WebSocketStream) -> Void) {
        loop.submit { [self] in
            guard let stream, case .open = state else { return }
            moveOutbox()
            leaveLoop()
            self.stream = nil
            taken(stream)
        }
    }

    // The loop's thread only, from here on

    func start() {
        guard let stream, case .open = state else { return }
        server?.keep(self)
        guard loop.add(self, stream.descriptor, for: interest) else { return finish(.abnormal) }
        process()
    }

    func ready(_ events: EventLoop.Events) {
        if events.isDisjoint(with: [.input, .output]) { return finish(.abnormal) }
        process()
    }

    /// The server closes: tells the peer if that needs no waiting.
    func abandon() {
        stream?.enqueueClose(1001, reason: "going away")
        _ = try? stream?.flush()  // the connection is closed in either case
        finish(CloseReason(code: 1001, reason: "going away"))
    }

    private func process() {
        guard let stream else { return }
        do {
            moveOutbox()
            for _ in 0..<16 {
                try deliver(from: stream)
                let isFull = stream.incomingBytes >= 64 * 1024 && !isDelivering
                let isWritten = try stream.flush()
                settle(stream, isWritten)
                guard self.stream != nil else { return }
                want(isFull ? isWritten ? [] : .output : isWritten ? .input : [.input, .output])
                guard !isFull else { return }
                switch try stream.fill() {
                case .some: continue
                case .wouldBlock: return stream.releaseIdleBuffers()
                case .ended: return finish(.abnormal)
                }
            }
            loop.submit { [self] in process() }  // more is there, but others wait as well
        } catch let error as WebSocketError {
            fail(error)
        } catch {
            finish(.abnormal)
        }
    }

    private var isDelivering: Bool {
        if case .open = state { return callbacks.withLock { $0.onText != nil || $0.onBinary != nil } }
        return true
    }

    private func deliver(from stream: WebSocketStream) throws(WebSocketError) {
        if case .failing = state { return stream.discardIncoming() }
        while isDelivering, let message = try stream.next() {
            let callbacks = callbacks.withLock { $0 }
            switch message.kind {
            case .text: callbacks.onText?(message.withPayload { String(decoding: $0, as: UTF8.self) })
            case .binary: callbacks.onBinary?(message.bytes)
            case .ping, .pong: break
            case .close:
                let reason = message.withPayload { String(decoding: $0, as: UTF8.self) }
                return finish(CloseReason(code: message.closeCode ?? 1005, reason: reason))
            }
        }
    }

    /// After a flush: frees room in the outbox, and gives a peer that takes nothing its deadline.
    private func settle(_ stream: WebSocketStream, _ isWritten: Bool) {
        outbox.withLock { outbox in
            outbox.byteCount = stream.outgoingBytes + outbox.messages.reduce(0) { $0 + $1.bytes.count }
        }
        guard case .open = state else { return }
        if isWritten {
            deadline.set(after: nil, on: loop) {}
        } else if deadline.due == nil {
            wait(limits.writeStall)
        }
    }

    private func moveOutbox() {
        guard let stream else { return }
        let messages = outbox.withLock { outbox in
            defer { outbox.messages.removeAll() }
            return outbox.messages
        }
        for (kind, bytes) in messages { stream.enqueue(kind, bytes) }
    }

    private func queue(_ kind: WebSocketStream.Kind, _ bytes: [UInt8]) -> Bool {
        let (isAccepted, isFirst) = outbox.withLock { outbox in
            guard outbox.isOpen, outbox.byteCount + bytes.count <= limits.sendQueue else { return (false, false) }
            outbox.messages.append((kind, bytes))
            outbox.byteCount += bytes.count
            return (true, outbox.messages.count == 1)
        }
        if isFirst { loop.submit { [self] in process() } }
        return isAccepted
    }

    private func set(_ change: (inout Callbacks) -> Void) {
        callbacks.withLock { change(&$0) }
        loop.submit { [self] in process() }  // messages may have waited for it
    }

    private func fail(_ error: WebSocketError) {
        guard let stream, case .open = state else { return finish(.abnormal) }
        let reason = CloseReason(code: error.closeCode, reason: error.code)
        stream.enqueueClose(reason.code, reason: reason.reason)
        state = .failing(reason)
        wait(limits.linger)
        process()
    }

    private func timeIsUp() {
        guard deadline.isDue(on: loop, { [weak self] in self?.timeIsUp() }) else { return }
        finish(.abnormal)
    }

    private func wait(_ delay: Duration) {
        deadline.set(after: delay, on: loop) { [weak self] in self?.timeIsUp() }
    }

    private func finish(_ reason: CloseReason) {
        guard let stream else { return }
        var told = reason
        switch state {
        case .open: break
        case .closing(let ours), .failing(let ours): told = ours
        case .ended: return
        }
        // The answer to a close frame leaves if it needs no waiting.
        _ = try? stream.flush()
        leaveLoop()
        stream.close()
        self.stream = nil
        callbacks.withLock { $0.onClose }?(told)
        callbacks.withLock { $0 = Callbacks() }  // callbacks often hold this socket
    }

    private func leaveLoop() {
        state = .ended
        outbox.withLock { $0.isOpen = false }
        deadline.cancel(on: loop)
        if let stream { loop.remove(stream.descriptor) }
        server?.forget(self)
    }

    private func want(_ events: EventLoop.Events) {
        guard events != interest, let stream else { return }
        interest = events
        loop.change(stream.descriptor, to: events)
    }
}

extension LoopWebSocket.CloseReason {
    static let abnormal = LoopWebSocket.CloseReason(code: 1006, reason: "")
}
