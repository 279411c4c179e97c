// SPDX-License-Identifier: Apache-2.0

import Glibc
package import Posix
import Synchronization

/// What waits for events on a descriptor in a loop.
protocol EventSource: AnyObject, Sendable {
    /// On the loop's thread. After ``EventLoop/remove(_:)`` it is not called again.
    func ready(_ events: EventLoop.Events)
}

/// One thread that waits for many descriptors and deadlines and runs short work: all idle connections live here.
///
/// Nothing that runs in the loop may block. Work, timers and events run one at a time, so what only the loop
/// touches needs no lock.
package final class EventLoop: @unchecked Sendable {  // `sources`, `armed`: the loop's thread only; the rest is locked
    typealias Events = EventQueue.Interest

    private struct Shared {
        var work: [@Sendable () -> Void] = []
        var timers = TimerHeap()
        var isStopped = false
    }

    private struct Registration {
        let source: any EventSource
        /// Never used again: an event of a closed descriptor does not reach the next one with its number.
        let token: UInt64
    }

    private let queue: EventQueue
    private let wake: EventCounter
    private let timer: DeadlineTimer
    private let shared = Mutex(Shared())
    private let thread = Atomic<UInt>(0)
    private var sources: [Int32: Registration] = [:]
    private var descriptors: [UInt64: Int32] = [:]
    private var lastToken: UInt64 = 1
    private var armed: BootInstant?

    package init() throws(TransportError) {
        do throws(SystemError) {
            queue = try EventQueue()
            wake = try EventCounter()
            timer = try DeadlineTimer()
            try queue.add(wake.number, .input, token: Self.wakeToken)
            try queue.add(timer.number, .input, token: Self.timerToken)
        } catch {
            throw .system(error)
        }
    }

    /// Runs until ``stop()``; the calling thread is the loop's thread meanwhile.
    package func run() {
        thread.store(UInt(pthread_self()), ordering: .releasing)
        defer { thread.store(0, ordering: .releasing) }
        var events: [EventQueue.Event] = []
        while runPending() {
            armTimer()
            // What ran may have submitted more: then look at the events without sleeping.
            let hasWork = shared.withLock { !$0.work.isEmpty || $0.isStopped }
            do throws(SystemError) {
                try queue.wait(&events, timeout: hasWork ? .zero : nil)
            } catch {
                preconditionFailure("the loop cannot wait: \(error)")  // the descriptor is ours and open
            }
            for event in events { dispatch(event) }
        }
    }

    /// Ends ``run()`` after the work that is queued already. From any thread.
    package func stop() {
        shared.withLock { $0.isStopped = true }
        wake.signal()
    }

    /// Runs `work` on the loop's thread, in the order of the calls. From any thread.
    package func submit(_ work: @escaping @Sendable () -> Void) {
        let wasEmpty = shared.withLock { shared in
            shared.work.append(work)
            return shared.work.count == 1
        }
        if wasEmpty, !isLoopThread { wake.signal() }  // the loop looks at its work before it sleeps
    }

    /// Runs `work` on the loop's thread when the time has come. From any thread.
    @discardableResult
    package func schedule(at deadline: BootInstant, _ work: @escaping @Sendable () -> Void) -> TimerToken {
        let (token, isEarliest) = shared.withLock { shared in
            let before = shared.timers.earliest
            let token = shared.timers.add(at: deadline, work)
            return (token, before.map { deadline < $0 } ?? true)
        }
        if isEarliest, !isLoopThread { wake.signal() }
        return token
    }

    @discardableResult
    package func schedule(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> TimerToken {
        schedule(at: .now + delay, work)
    }

    /// The work will not start after this, unless it is being started at this moment on the loop's thread.
    package func cancel(_ token: TimerToken) {
        shared.withLock { $0.timers.cancel(token) }
    }

    package var isLoopThread: Bool { thread.load(ordering: .acquiring) == UInt(pthread_self()) }

    // The loop's thread only, from here on

    /// Keeps the source until it is removed.
    ///
    /// - Returns: false when the system refuses to watch the descriptor.
    func add(_ source: any EventSource, _ descriptor: Int32, for events: Events) -> Bool {
        lastToken += 1
        do throws(SystemError) {
            try queue.add(descriptor, events, token: lastToken)
        } catch {
            return false
        }
        sources[descriptor] = Registration(source: source, token: lastToken)
        descriptors[lastToken] = descriptor
        return true
    }

    func change(_ descriptor: Int32, to events: Events) {
        guard let registration = sources[descriptor] else { return }
        // Fails for a descriptor that is closed only, and those are removed before.
        try? queue.change(descriptor, events, token: registration.token)
    }

    /// Before the descriptor is closed.
    func remove(_ descriptor: Int32) {
        guard let registration = sources.removeValue(forKey: descriptor) else { return }
        descriptors[registration.token] = nil
        try? queue.remove(descriptor)  // fails for a descriptor that is closed only
    }

    private func dispatch(_ event: EventQueue.Event) {
        switch event.token {
        case Self.wakeToken: wake.clear()
        case Self.timerToken:
            _ = timer.takeExpiry()
            armed = nil
        case let token:
            guard let descriptor = descriptors[token], let registration = sources[descriptor] else { return }
            registration.source.ready(event.found)
        }
    }

    private static let wakeToken: UInt64 = 0
    private static let timerToken: UInt64 = 1

    /// - Returns: false when the loop is to stop.
    private func runPending() -> Bool {
        let (work, isStopped) = shared.withLock { shared in
            let work = shared.work
            shared.work.removeAll(keepingCapacity: work.count <= 1024)
            return (work, shared.isStopped)
        }
        for body in work { body() }
        guard !isStopped else { return false }
        let now = BootInstant.now
        // One at a time: each may cancel the next.
        while let body = shared.withLock({ $0.timers.popDue(at: now) }) { body() }
        return true
    }

    private func armTimer() {
        guard let earliest = shared.withLock({ $0.timers.earliest }), earliest != armed else { return }
        do throws(SystemError) {
            try timer.set(earliest)
            armed = earliest
        } catch {
            preconditionFailure("the loop cannot set its timer: \(error)")  // the descriptor is ours and open
        }
    }
}
