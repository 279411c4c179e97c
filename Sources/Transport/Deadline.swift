// SPDX-License-Identifier: Apache-2.0
import Posix

/// The one deadline of a connection in a loop. Moving it later, the common case, costs nothing: the timer looks
/// when it fires whether its time has really come.
///
/// The loop's thread only.
struct Deadline {
    private(set) var due: BootInstant?
    private var timer: (token: TimerToken, at: BootInstant)?

    /// - Parameter fire: called on the loop's thread; asks ``isDue()`` first.
    mutating func set(after delay: Duration?, on loop: EventLoop, _ fire: @escaping @Sendable () -> Void) {
        guard let delay else {
            due = nil
            return
        }
        let due = BootInstant.now + delay
        self.due = due
        rearm(at: due, on: loop, fire)
    }

    /// Whether the time has come; if it has moved, waits on.
    mutating func isDue(on loop: EventLoop, _ fire: @escaping @Sendable () -> Void) -> Bool {
        timer = nil
        guard let due else { return false }
        guard BootInstant.now < due else { return true }
        rearm(at: due, on: loop, fire)
        return false
    }

    mutating func cancel(on loop: EventLoop) {
        if let timer { loop.cancel(timer.token) }
        timer = nil
        due = nil
    }

    private mutating func rearm(at due: BootInstant, on loop: EventLoop, _ fire: @escaping @Sendable () -> Void) {
        if let timer {
            guard due < timer.at else { return }
            loop.cancel(timer.token)
        }
        timer = (loop.schedule(at: due, fire), due)
    }
}
