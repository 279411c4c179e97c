// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A signal that we send or handle.
package enum Signal: Int32, Sendable, CaseIterable {
    case hangUp = 1
    case interrupt = 2
    case kill = 9
    case terminate = 15
    case child = 17
    case `continue` = 18
    case stop = 19
    case windowChange = 28
}

/// Signals of this process.
package enum Signals {
    /// A write to a closed pipe or socket becomes the error EPIPE. Children get the default back when they are
    /// spawned with `resetSignals`.
    package static func ignoreBrokenPipe() {
        Glibc.signal(SIGPIPE, SIG_IGN)
    }

    /// Keeps the signals from being delivered, so that a ``SignalDescriptor`` reads them. Call it before the first
    /// thread is started: threads inherit it, and a signal goes to any thread that does not block it.
    package static func block(_ signals: [Signal]) throws(SystemError) {
        var set = signalSet(signals)
        try checkNumber("pthread_sigmask") { pthread_sigmask(SIG_BLOCK, &set, nil) }
    }

    /// Has every signal delivered again.
    package static func unblockAll() throws(SystemError) {
        var none = signalSet([])
        try checkNumber("pthread_sigmask") { pthread_sigmask(SIG_SETMASK, &none, nil) }
    }

    fileprivate static func signalSet(_ signals: [Signal]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal.rawValue) }
        return set
    }
}

/// Blocked signals as something to read (signalfd(2)).
package struct SignalDescriptor: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// The signals must have been blocked with ``Signals/block(_:)``.
    package init(_ signals: [Signal]) throws(SystemError) {
        var set = Signals.signalSet(signals)
        let flags = Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK)
        descriptor = OwnedDescriptor(owning: try check("signalfd") { signalfd(-1, &set, flags) })
    }

    package var number: Int32 { descriptor.number }

    /// The next signal that has arrived; nil when there is none. Equal ones may have been merged.
    package func next() throws(SystemError) -> Signal? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        do throws(SystemError) {
            try check("read") { Glibc.read(descriptor.number, &information, size) }
        } catch {
            if error.wouldBlock { return nil }
            throw error
        }
        return Signal(rawValue: Int32(bitPattern: information.ssi_signo))
    }
}
