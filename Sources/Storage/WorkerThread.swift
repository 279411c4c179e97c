// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A thread that runs one function to its end. Blocking calls live here, never on the shared pool of tasks.
final class WorkerThread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// None once somebody waits, or has waited, for the end.
    private let thread: Mutex<pthread_t?>

    init(_ body: @escaping @Sendable () -> Void) throws(StorageError) {
        let context = Unmanaged.passRetained(Body(body))
        // Signals are for the thread that waits for them; a new thread inherits the mask of its maker.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { context in
            if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, context.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            context.release()
            throw .failed(code: code, detail: "no thread: \(DatabaseFile.reason(code))")
        }
        self.thread = Mutex(thread)
    }

    deinit {
        if let thread = thread.withLock({ $0.take() }) { pthread_detach(thread) }
    }

    /// True on the thread itself, where waiting for it would last for ever.
    var isCurrent: Bool {
        thread.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } ?? false }
    }

    /// Waits until the function has returned; the second of two callers does not wait.
    func join() {
        if let thread = thread.withLock({ $0.take() }) { pthread_join(thread, nil) }
    }
}
