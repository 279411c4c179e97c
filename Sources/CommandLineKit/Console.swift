// SPDX-License-Identifier: Apache-2.0

private import Glibc
private import Synchronization

/// Where a command writes, and what is known about who reads it. Results go to `output`, everything else to
/// `errors`.
package struct Console: Sendable {
    /// Writes exactly this text to the standard output.
    package let output: @Sendable (String) -> Void
    /// Writes exactly this text to the standard error.
    package let errors: @Sendable (String) -> Void
    /// The columns of the terminal on the standard output; nil when it is no terminal, so that nothing is cut.
    package let width: Int?
    package let style: Style
    /// How the first failed write to the standard output failed, as an `errno`.
    let outputFailure: @Sendable () -> Int32?

    package init(
        output: @escaping @Sendable (String) -> Void, errors: @escaping @Sendable (String) -> Void,
        width: Int? = nil, style: Style = .plain, outputFailure: @escaping @Sendable () -> Int32? = { nil }
    ) {
        self.output = output
        self.errors = errors
        self.width = width
        self.style = style
        self.outputFailure = outputFailure
    }

    /// The console of this process.
    package static func standard() -> Console {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        let style = Style(
            isTerminal: isTerminal, noColor: environment("NO_COLOR"), terminalType: environment("TERM"))
        let sink = OutputSink(descriptor: STDOUT_FILENO)
        let errors = OutputSink(descriptor: STDERR_FILENO)
        return Console(
            output: { sink.write($0) }, errors: { errors.write($0) },
            width: isTerminal ? columns(of: STDOUT_FILENO) : nil, style: style,
            outputFailure: { sink.failure })
    }

    private static func columns(of terminal: Int32) -> Int? {
        var size = winsize()
        guard ioctl(terminal, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}

/// A descriptor that is written to until it fails once.
private final class OutputSink: Sendable {
    private let descriptor: Int32
    private let firstFailure = Mutex<Int32?>(nil)

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    var failure: Int32? { firstFailure.withLock { $0 } }

    /// Writes all of the text, or remembers why it could not and writes no more.
    func write(_ text: String) {
        var text = text
        firstFailure.withLock { failure in
            guard failure == nil else { return }
            failure = text.withUTF8 { bytes in writeAll(UnsafeRawBufferPointer(bytes)) }
        }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN {
                // Whoever shares the terminal made it non-blocking; wait until it takes more.
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}
