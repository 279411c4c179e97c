// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
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
    struct Events: OptionSet {
        let rawValue: UInt32
        static let readable = Events(rawValue: EPOLLIN.rawValue)
        static let writable = Events(rawValue: EPOLLOUT.rawValue)
        /// Both directions are gone. Told always, asked for or not.
        static let broken = Events(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
    }

    private struct Shared {
        var work: [@Sendable () -> Void] = []
        var timers = TimerHeap()
        var isStopped = false
    }

    private struct Registration {
        let source: any EventSource
        /// Tells an event of this registration from one of an earlier descriptor with the same number.
        let generation: UInt32
    }

    private let queue: Int32
    private let wake: Int32
    private let timer: Int32
    private let shared = Mutex(Shared())
    private let thread = Atomic<UInt>(0)
    private var sources: [Int32: Registration] = [:]
    private var lastGeneration: UInt32 = 0
    private var armed: ContinuousClock.Instant?

    package init() throws(TransportError) {
        queue = epoll_create1(Int32(EPOLL_CLOEXEC))
        wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        // Counts suspend, as ContinuousClock does: a machine that slept wakes to its deadlines.
        timer = timerfd_create(CLOCK_BOOTTIME, Int32(TFD_CLOEXEC | TFD_NONBLOCK))
        guard queue >= 0, wake >= 0, timer >= 0, control(EPOLL_CTL_ADD, wake, .readable, 0),
            control(EPOLL_CTL_ADD, timer, .readable, 0)
        else { throw .system(call: "epoll_create1", errno: errno) }
    }

    deinit {
        for descriptor in [queue, wake, timer] where descriptor >= 0 { _ = close(descriptor) }
    }

    /// Runs until ``stop()``; the calling thread is the loop's thread meanwhile.
    package func run() {
        thread.store(UInt(pthread_self()), ordering: .releasing)
        defer { thread.store(0, ordering: .releasing) }
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        while runPending() {
            armTimer()
            // What ran may have submitted more: then look at the events without sleeping.
            let hasWork = shared.withLock { !$0.work.isEmpty || $0.isStopped }
            let count = epoll_wait(queue, &events, Int32(events.count), hasWork ? 0 : -1)
            guard count > 0 else { continue }  // interrupted by a signal
            for event in events.prefix(Int(count)) { dispatch(event) }
        }
    }

    /// Ends ``run()`` after the work that is queued already. From any thread.
    package func stop() {
        shared.withLock { $0.isStopped = true }
        signal()
    }

    /// Runs `work` on the loop's thread, in the order of the calls. From any thread.
    package func submit(_ work: @escaping @Sendable () -> Void) {
        let wasEmpty = shared.withLock { shared in
            shared.work.append(work)
            return shared.work.count == 1
        }
        if wasEmpty, !isLoopThread { signal() }  // the loop looks at its work before it sleeps
    }

    /// Runs `work` on the loop's thread when the time has come. From any thread.
    @discardableResult
    package func schedule(at deadline: ContinuousClock.Instant, _ work: @escaping @Sendable () -> Void) -> TimerToken {
        let (token, isEarliest) = shared.withLock { shared in
            let before = shared.timers.earliest
            let token = shared.timers.add(at: deadline, work)
            return (token, before.map { deadline < $0 } ?? true)
        }
        if isEarliest, !isLoopThread { signal() }
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
    func add(_ source: any EventSource, _ descriptor: Int32, for events: Events) -> Bool {
        lastGeneration &+= 1
        sources[descriptor] = Registration(source: source, generation: lastGeneration)
        guard control(EPOLL_CTL_ADD, descriptor, events, lastGeneration) else {
            sources[descriptor] = nil
            return false
        }
        return true
    }

    func change(_ descriptor: Int32, to events: Events) {
        guard let registration = sources[descriptor] else { return }
        _ = control(EPOLL_CTL_MOD, descriptor, events, registration.generation)  // fails for closed ones only
    }

    /// Before the descriptor is closed.
    func remove(_ descriptor: Int32) {
        guard sources.removeValue(forKey: descriptor) != nil else { return }
        _ = control(EPOLL_CTL_DEL, descriptor, [], 0)
    }

    private func dispatch(_ event: epoll_event) {
        let descriptor = Int32(truncatingIfNeeded: event.data.u64)
        let generation = UInt32(truncatingIfNeeded: event.data.u64 >> 32)
        if descriptor == wake || descriptor == timer {
            var count: UInt64 = 0
            _ = read(descriptor, &count, 8)  // only resets it
            if descriptor == timer { armed = nil }
        } else if let registration = sources[descriptor], registration.generation == generation {
            registration.source.ready(Events(rawValue: event.events))
        }
    }

    /// - Returns: false when the loop is to stop.
    private func runPending() -> Bool {
        let (work, isStopped) = shared.withLock { shared in
            let work = shared.work
            shared.work.removeAll(keepingCapacity: work.count <= 1024)
            return (work, shared.isStopped)
        }
        for body in work { body() }
        guard !isStopped else { return false }
        let now = ContinuousClock.now
        // One at a time: each may cancel the next.
        while let body = shared.withLock({ $0.timers.popDue(at: now) }) { body() }
        return true
    }

    private func armTimer() {
        guard let earliest = shared.withLock({ $0.timers.earliest }), earliest != armed else { return }
        let left = max(ContinuousClock.now.duration(to: earliest), .nanoseconds(1)).components
        var setting = itimerspec()
        // A timer more than a year ahead is looked at again after a year.
        setting.it_value.tv_sec = Int(min(left.seconds, 31_536_000))
        setting.it_value.tv_nsec = Int(left.attoseconds / 1_000_000_000)
        if setting.it_value.tv_sec == 0, setting.it_value.tv_nsec == 0 { setting.it_value.tv_nsec = 1 }
        timerfd_settime(timer, 0, &setting, nil)
        armed = earliest
    }

    private func signal() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)  // a full counter wakes the loop as well
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: Events, _ generation: UInt32) -> Bool {
        var event = epoll_event()
        event.events = events.rawValue
        event.data.u64 = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        return epoll_ctl(queue, operation, descriptor, &event) == 0
    }
}
