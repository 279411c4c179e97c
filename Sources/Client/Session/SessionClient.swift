// SPDX-License-Identifier: Apache-2.0
// SECURITY: the operator's end of a session. What the node sends is written to the operator's terminal as it is, as ssh
// does; what Stint itself says about it is escaped.

import Access
import Glibc
package import Posix
package import Protocol
import StrictJSON
package import Terminal

/// Runs one session on this thread: waits for keys, frames and signals at once, until the session is over.
package final class SessionClient {
    /// How it ended, from where the operator sits.
    package enum Result: Sendable {
        /// The node says how.
        case ended(SessionEnding)
        /// The operator closed it, and the node's last word did not come in time.
        case closed
        /// A signal ended the client; with the node's last word where it came in time.
        case signalled(Signal, SessionEnding?)
    }

    /// The operator's side: 0, 1 and 2, or a test's pipes. They stay their owner's and stay blocking.
    package struct Descriptors: Sendable {
        package let input: Int32
        package let output: Int32
        package let errors: Int32

        package init(input: Int32 = 0, output: Int32 = 1, errors: Int32 = 2) {
            self.input = input
            self.output = output
            self.errors = errors
        }
    }

    private static let endOfFileKey: UInt8 = 0x04
    private static let readSize = 16 * 1024
    /// Input is not read further while this much of it waits for the socket.
    private static let outgoingLimit = 256 * 1024
    private static let closeTime: Duration = .seconds(5)
    private static let signalTime: Duration = .seconds(1)

    private let session: OpenedSession
    private let channel: FrameChannel
    private let descriptors: Descriptors
    private let isRaw: Bool
    private var escapes: EscapeKeys?
    private var inputWindow: SendingWindow
    private var outputWindow: ReceivingWindow
    private var errorWindow: ReceivingWindow
    private var output: LocalOutput
    private var errorOutput: LocalOutput
    private var inputEnded = false
    private var lastInput: UInt8?
    private var lastOutput: UInt8?
    private var ending: SessionEnding?
    private var closing: (result: Result, deadline: ContinuousClock.Instant)?

    private var hasTerminal: Bool { session.plan.terminal != nil }

    /// Whether the terminal's cursor stands behind text of the session, so that our last line needs a line of its own.
    package var isInLine: Bool { isRaw && lastOutput != nil && lastOutput != UInt8(ascii: "\n") }

    package init(_ session: OpenedSession, on descriptors: Descriptors = Descriptors()) {
        self.session = session
        self.descriptors = descriptors
        channel = session.channel
        isRaw = session.plan.terminal != nil && isatty(descriptors.input) == 1
        escapes = isRaw ? EscapeKeys() : nil
        let window = session.plan.window
        inputWindow = SendingWindow(window: window)
        outputWindow = ReceivingWindow(window: window)
        errorWindow = ReceivingWindow(window: window)
        output = LocalOutput(descriptors.output)
        errorOutput = LocalOutput(descriptors.errors)
    }

    /// - Throws: a ``SessionFault``. The terminal is as it was before, whatever happens.
    package func run() throws -> Result {
        let signals: [Signal] = [.windowChange, .terminate, .hangUp, .interrupt]
        try Signals.block(signals)
        let news = try SignalDescriptor(signals)
        defer { channel.close() }
        guard isRaw else { return try attend(news) }
        let raw = try RawMode(descriptors.input)
        let result = Swift.Result { try attend(news) }
        // A terminal that is gone needs no restoring.
        try? raw.restore()
        return try result.get()
    }

    // MARK: The loop

    private func attend(_ signals: borrowing SignalDescriptor) throws -> Result {
        do {
            return try loop(signals)
        } catch SessionFault.connectionLost(let what) {
            // What had arrived is shown as far as it goes without waiting; the loss itself is what gets told.
            try? output.flush()
            try? errorOutput.flush()
            if let closing { return closing.result }
            throw SessionFault.connectionLost(what)
        }
    }

    private func loop(_ signals: borrowing SignalDescriptor) throws -> Result {
        var entries = [
            PollEntry(channel.descriptor, .input), PollEntry(signals.number, .input), PollEntry(-1, .input),
            PollEntry(-1, .output), PollEntry(-1, .output),
        ]
        while true {
            try flush()
            if let ending, output.waiting == 0, errorOutput.waiting == 0 { return result(of: ending) }
            if let closing, ContinuousClock.now >= closing.deadline { return closing.result }
            entries[0].wanted = channel.outgoingBytes > 0 ? [.input, .output] : .input
            entries[0].number = ending == nil ? channel.descriptor : -1
            entries[2].number = wantsInput ? descriptors.input : -1
            entries[3].number = output.waiting > 0 ? output.descriptor : -1
            entries[4].number = errorOutput.waiting > 0 ? errorOutput.descriptor : -1
            let isReady = channel.hasBuffered && ending == nil
            _ = try Poll.wait(&entries, timeout: isReady ? .zero : closing.map { ContinuousClock.now.duration(to: $0.deadline) })
            while let signal = try signals.next() { try handle(signal) }
            if ending == nil, isReady || entries[0].isReadable { _ = try receive() }
            if wantsInput, entries[2].found.contains(.invalid) {
                try endInput()  // the client was started with its standard input closed
            } else if wantsInput, entries[2].isReadable {
                try readInput()
            }
        }
    }

    private func result(of ending: SessionEnding) -> Result {
        if case .signalled(let signal, _) = closing?.result { return .signalled(signal, ending) }
        return .ended(ending)
    }

    private func flush() throws {
        try output.flush()
        try errorOutput.flush()
        guard ending == nil else { return }
        if let offset = outputWindow.credit(waiting: output.waiting) { try channel.send(.credit(.output, offset: offset)) }
        if let offset = errorWindow.credit(waiting: errorOutput.waiting) {
            try channel.send(.credit(.errorOutput, offset: offset))
        }
        guard channel.outgoingBytes > 0 else { return }
        // The node's last word may stand before a broken connection, and after a failed write TLS cannot be read any
        // more: so everything is read before anything is written. Credit limits how much that is.
        while ending == nil, try receive() {}
        if ending == nil { try channel.flush() }
    }

    /// - Returns: whether anything had come.
    private func receive() throws -> Bool {
        do {
            return try channel.receive { try handle($0) }
        } catch SessionFault.connectionLost(let what) {
            if ending == nil { throw SessionFault.connectionLost(what) }
            return false
        }
    }

    private func handle(_ frame: Frame) throws {
        guard ending == nil else { throw SessionFault.protocolBroken("A frame came after the last one.") }
        switch frame {
        case .output(let offset, let bytes):
            try outputWindow.receive(bytes.count, at: offset)
            output.add(bytes)
            lastOutput = bytes.last ?? lastOutput
        case .errorOutput(let offset, let bytes):
            try errorWindow.receive(bytes.count, at: offset)
            errorOutput.add(bytes)
        case .credit(.input, let offset): try inputWindow.credit(to: offset)
        case .notice(let text): show(text)
        case .end(let text):
            do {
                ending = try SessionEnding(text)
            } catch {
                throw SessionFault.protocolBroken(error.message)
            }
        case .credit(.output, _), .credit(.errorOutput, _), .input, .resize, .endOfInput, .close:
            throw SessionFault.protocolBroken("The node sent a frame that only a client sends.")
        }
    }

    // MARK: Input

    private var wantsInput: Bool {
        !inputEnded && ending == nil && closing == nil && inputRoom > 0 && channel.outgoingBytes < Self.outgoingLimit
    }

    /// Two bytes are kept back: for a tilde that had waited, and for the end-of-file key.
    private var inputRoom: Int { inputWindow.available - 2 }

    private func readInput() throws {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Transfer.read(descriptors.input, maximum: min(Self.readSize, inputRoom))
        } catch {
            if error.wouldBlock { return }
            guard error.errno == EIO else { throw error }
            bytes = []  // the terminal is gone, or we are in the background
        }
        guard !bytes.isEmpty else { return try endInput() }
        guard var keys = escapes else { return try forward(bytes) }
        let segments = keys.feed(bytes)
        escapes = keys
        for segment in segments {
            switch segment {
            case .forward(let part): try forward(part)
            case .command(let command): try obey(command)
            }
        }
    }

    private func forward(_ bytes: [UInt8]) throws {
        guard closing == nil, !bytes.isEmpty else { return }
        try channel.sendInput(bytes, offset: inputWindow.sent)
        inputWindow.send(bytes.count)
        lastInput = bytes.last
    }

    private func endInput() throws {
        inputEnded = true
        if isRaw { return try close(.signalled(.hangUp, nil), within: Self.signalTime) }
        guard hasTerminal else { return try channel.send(.endOfInput(offset: inputWindow.sent)) }
        // In the middle of a line the key only ends the line (termios(3), VEOF), so it takes two.
        let isLineStart = lastInput.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } ?? true
        try forward(Array(repeating: Self.endOfFileKey, count: isLineStart ? 1 : 2))
    }

    private func obey(_ command: EscapeKeys.Command) throws {
        switch command {
        case .end: try close(.closed, within: Self.closeTime)
        case .help:
            show("~.  close the session      ~t  time left")
            show("~~  type one ~             ~?  this help; all of them at the start of a line")
        case .timeLeft: show("Until \(TimeText.deadline(session.notAfter, now: .now())).")
        case .moreTime: show("More time needs a new grant. From another terminal: stint request --on \(session.plan.use.node)")
        }
    }

    // MARK: The rest

    private func handle(_ signal: Signal) throws {
        switch signal {
        case .windowChange:
            guard isRaw, let size = Self.windowSize(descriptors) else { return }
            try channel.send(.resize(columns: size.columns, rows: size.rows))
        case .terminate, .hangUp, .interrupt: try close(.signalled(signal, nil), within: Self.signalTime)
        case .kill, .child, .continue, .stop: break
        }
    }

    private func close(_ result: Result, within time: Duration) throws {
        if closing == nil { try channel.send(.close) }
        closing = (result, .now + time)
    }

    /// A line of ours between the lines of the session.
    private func show(_ text: String) {
        let line = DisplayText.escaped(text)
        let shown = isRaw ? "\r\n[stint] \(line)\r\n" : "stint: \(line)\n"
        // Nobody reads the notices of a session whose stderr is closed.
        try? Transfer.writeAll(descriptors.errors, Array(shown.utf8))
    }

    /// The size of the operator's terminal; nil where none of the descriptors is one.
    package static func windowSize(_ descriptors: Descriptors = Descriptors()) -> WindowSize? {
        for descriptor in [descriptors.input, descriptors.output, descriptors.errors] {
            // Not a terminal: the next one may be.
            if let size = try? WindowSize(of: descriptor) { return size }
        }
        return nil
    }
}
