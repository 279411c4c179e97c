// SPDX-License-Identifier: Apache-2.0
// SECURITY: the operator's end of a session. What the node sends is written to the operator's terminal as it is, as ssh
// does; what Stint itself says about it is escaped.

package import Access
import Evidence
import Glibc
package import Posix
package import Protocol
import StrictJSON
package import Terminal

/// Runs one session on this thread: waits for keys, frames and signals at once, until the session is over. A connection
/// that is lost is replaced; the session goes on at the byte where it stopped.
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
        /// Where Stint's own words go that have no place in a terminal.
        package let words: Int32

        package init(input: Int32 = 0, output: Int32 = 1, errors: Int32 = 2, words: Int32? = nil) {
            self.input = input
            self.output = output
            self.errors = errors
            self.words = words ?? errors
        }
    }

    static let endOfFileKey: UInt8 = 0x04
    static let endKeyPause: Duration = .seconds(2)
    /// What a terminal gives at once at most (n_tty), and how much of that is made one frame, which is one TLS record.
    static let terminalPiece = 4095
    static let typedSize = 3 * terminalPiece
    /// By how much the timer may be early.
    private static let timerSlack: Int64 = 10_000_000_000  // nanoseconds
    /// Input is not read further while this much of it waits for the socket.
    static let outgoingLimit = 256 * 1024
    static let closeTime: Duration = .seconds(5)
    static let signalTime: Duration = .seconds(1)
    /// How long a terminal may take for a piece of output that is on its way to it when the session is over.
    static let lastWriteTime: Duration = .milliseconds(200)

    let session: OpenedSession
    /// `nil` while the connection is lost.
    var channel: FrameChannel?
    var outage: Outage? { didSet { isDisturbed = true } }
    var signedAt: Timestamp
    /// What the broker said about the end, for the case that the node's own word does not come.
    package internal(set) var brokerEnd: (reason: Session.EndReason, detail: String)?
    let descriptors: Descriptors
    let isRaw: Bool
    var escapes: EscapeKeys?
    var inputWindow: SendingWindow
    var kept: KeptInput
    var outputWindow: ReceivingWindow
    var errorWindow: ReceivingWindow
    var pace = DrainPace()
    var output: LocalOutput
    var errorOutput: LocalOutput
    /// Whether output has come that was not looked at, or waits to be written. Without, there is no credit to give either.
    var hasOutput = true
    var inputEnded = false
    /// When the key that ends a terminal's input is pressed again, and how often it may be.
    var endKey: (due: BootInstant, left: Int)? { didSet { isDisturbed = true } }
    var lastInput: UInt8?
    var lastOutput: UInt8?
    var ending: SessionEnding? { didSet { hasEnded = ending != nil } }
    private(set) var hasEnded = false
    var isGreeted = false
    /// Whether the connection may hold something that was not read: the last wait, or the last read, found something.
    var mayHaveMore = true
    /// nil where what we say goes to the standard error.
    var notices: Notices?
    var moreTime: MoreTime
    /// When the grant ends, as the node says.
    var notAfter: Timestamp
    var closing: (result: Result, deadline: BootInstant)? { didSet { isClosing = closing != nil } }
    private(set) var isClosing = false
    /// Whether something may be due, or due at another time than ``armed``. Nothing of that is looked at for each key.
    var isDisturbed = true
    private let timer: DeadlineTimer
    private var armed: BootInstant?
    /// From when on a sign of life is a reason to set the timer anew, so that it does not fire in vain.
    private var lookAgain: BootInstant = .now

    var hasTerminal: Bool { session.plan.terminal != nil }

    /// Whether the terminal's cursor stands behind text of the session, so that our last line needs a line of its own.
    package var isInLine: Bool { isRaw && lastOutput != nil && lastOutput != UInt8(ascii: "\n") }

    package init(_ session: OpenedSession, on descriptors: Descriptors = Descriptors()) throws(SystemError) {
        timer = try DeadlineTimer()
        self.session = session
        self.descriptors = descriptors
        channel = session.channel
        signedAt = session.signedAt
        moreTime = MoreTime(session.desk)
        notAfter = session.notAfter
        isRaw = session.plan.terminal != nil && isatty(descriptors.input) == 1
        escapes = isRaw ? EscapeKeys() : nil
        if isRaw, isatty(descriptors.output) == 1 {
            notices = Notices(node: session.plan.use.node, terminalType: Environment.value("TERM") ?? "dumb")
        }
        let window = session.plan.window
        inputWindow = SendingWindow(window: session.plan.inputWindow, start: session.input)
        kept = KeptInput(start: session.input)
        outputWindow = ReceivingWindow(window: window, start: session.from.output)
        errorWindow = ReceivingWindow(window: window, start: session.from.errorOutput)
        output = LocalOutput(descriptors.output)
        errorOutput = LocalOutput(descriptors.errors)
    }

    private static let signals: [Signal] = [.windowChange, .terminate, .hangUp, .interrupt]

    /// Has signals wait for ``run()``: call it before another thread is started, which a signal would end us through.
    package static func awaitSignals() throws { try Signals.block(signals) }

    /// - Throws: a ``SessionFault``. The terminal is as it was before, whatever happens.
    package func run() throws -> Result {
        try Self.awaitSignals()
        ProcessControl.preferShortSlices()
        let news = try SignalDescriptor(Self.signals)
        defer { channel?.close() }
        guard isRaw else { return try attend(news) }
        let raw = try RawMode(descriptors.input)
        if let opening = notices?.opening { output.addOwn(opening) }
        let result = Swift.Result { try attend(news) }
        let isFree = output.abandon(within: Self.lastWriteTime)
        // As below: nobody is there to see it.
        if isFree, let closing = notices?.closing { try? Transfer.writeAll(descriptors.output, closing) }
        // A terminal that is gone needs no restoring.
        try? raw.restore(afterOutput: isFree)
        return try result.get()
    }

    // MARK: The loop

    func attend(_ signals: borrowing SignalDescriptor) throws -> Result {
        do {
            let result = try loop(signals)
            if ending != nil { leave() }
            return result
        } catch {
            // What had arrived is shown as far as it goes without waiting; the loss itself is what gets told.
            try? output.flush()
            try? errorOutput.flush()
            leave()
            if case SessionFault.connectionLost = error, let closing { return closing.result }
            throw error
        }
    }

    /// Says goodbye to the node: it must not wait for a client that does not come back.
    func leave() {
        // Whether it arrives or not, this client is done.
        try? channel?.send(.close)
        try? channel?.flush()
    }

    func loop(_ signals: borrowing SignalDescriptor) throws -> Result {
        var entries = [
            PollEntry(-1, .input), PollEntry(signals.number, .input), PollEntry(-1, .input),
            .nothing, .nothing, PollEntry(-1, .input), PollEntry(-1, .input), PollEntry(timer.number, .input),
        ]
        while true {
            do {
                if session.isResumed, !isGreeted { try greet() }
                if let result = try turn(&entries, signals) { return result }
            } catch SessionFault.connectionLost(let what) {
                try lose(what)
            }
        }
    }

    /// One wait, and everything that it found.
    func turn(_ entries: inout [PollEntry], _ signals: borrowing SignalDescriptor) throws -> Result? {
        if isDisturbed {
            giveNotice()
            try pressEndKeyAgain()
        }
        try flush()
        if hasEnded || isClosing, let result = over { return result }
        if isDisturbed { try arm() }
        let channel = channel
        let isWriting = channel.map { $0.outgoingBytes > 0 } ?? false
        entries[0].wanted = isWriting ? .inputAndOutput : .input
        entries[0].number = hasEnded ? -1 : channel?.descriptor ?? -1
        entries[2].number = wantsInput ? descriptors.input : -1
        entries[3] = hasOutput ? output.wanted ?? .nothing : .nothing
        entries[4] = hasOutput ? errorOutput.wanted ?? .nothing : .nothing
        entries[5].number = outage?.number ?? -1
        entries[6].number = moreTime.number
        let isReady = !hasEnded && channel?.hasBuffered == true
        _ = isReady ? try Poll.look(&entries) : try Poll.wait(&entries, until: nil)
        if entries[7].isReadable, timer.takeExpiry() { (armed, isDisturbed) = (nil, true) }
        if entries[1].isReadable {
            isDisturbed = true
            while let signal = try signals.next() { try handle(signal) }
        }
        mayHaveMore = isReady || entries[0].isReadable
        if !hasEnded, mayHaveMore, try receive(), let channel, channel.heardAt >= lookAgain { isDisturbed = true }
        if entries[2].found.contains(.invalid) {
            if wantsInput { try endInput() }  // the client was started with its standard input closed
        } else if entries[2].isReadable, wantsInput {
            try readInput()
        }
        if entries[6].isReadable, let news = moreTime.news() { show(news) }
        if isDisturbed || outage != nil { try keepConnection() }
        return nil
    }

    /// What has come of a session that ends.
    private var over: Result? {
        if let ending, output.waiting == 0, errorOutput.waiting == 0 { return result(of: ending) }
        if let closing, BootInstant.now >= closing.deadline { return closing.result }
        return nil
    }

    /// Sets the timer when something is due before it would fire. Where it fires too early, it is set again.
    private func arm() throws(SystemError) {
        isDisturbed = false
        lookAgain = .now.advanced(byNanoseconds: Self.timerSlack)
        guard let due, armed.map({ due < $0 || due.nanoseconds(after: $0) > Self.timerSlack }) ?? true else { return }
        try timer.set(due)
        armed = due
    }

    /// When there is something to do even if nothing comes.
    var due: BootInstant? {
        [outage?.due, silence, noticeDue, endKey?.due].reduce(closing?.deadline, BootInstant.earlier)
    }

    /// When the connection counts as lost if nothing comes.
    var silence: BootInstant? {
        guard session.ticket != nil, !hasEnded else { return nil }
        return channel?.silence
    }

    // MARK: Bytes

    func result(of ending: SessionEnding) -> Result {
        if case .signalled(let signal, _) = closing?.result { return .signalled(signal, ending) }
        return .ended(ending)
    }

    func flush() throws {
        if hasOutput { try passOutput() }
        guard !hasEnded, let channel, channel.outgoingBytes > 0 else { return }
        // The node's last word may stand before a broken connection, and after a failed write TLS cannot be read any
        // more: so everything is read before anything is written. Credit limits how much that is.
        while mayHaveMore, !hasEnded { mayHaveMore = try receive() }
        if !hasEnded { try channel.flush() }
    }

    /// Writes what the operator's side takes, and gives credit for it.
    private func passOutput() throws {
        try output.flush()
        try errorOutput.flush()
        hasOutput = output.waiting > 0 || errorOutput.waiting > 0
        guard !hasEnded, let channel else { return }
        let waiting = output.waitingOfSession
        let ahead =
            hasTerminal ? pace.bytesAhead(consumed: outputWindow.received - UInt64(waiting), isBehind: waiting > 0) : 0
        if let offset = outputWindow.credit(waiting: max(0, waiting - ahead), isAhead: ahead > waiting) { try channel.send(.credit(.output, offset: offset)) }
        if let offset = errorWindow.credit(waiting: errorOutput.waiting) {
            try channel.send(.credit(.errorOutput, offset: offset))
        }
    }

    /// - Returns: whether anything had come.
    func receive() throws -> Bool {
        do {
            let hasCome = try channel?.receive { try handle($0) } ?? false
            if let channel, !channel.news.isEmpty {
                for text in channel.news { show(text) }
                channel.news = []
            }
            return hasCome
        } catch SessionFault.connectionLost(let what) {
            if ending == nil { throw SessionFault.connectionLost(what) }
            return false
        }
    }

    func handle(_ frame: Frame) throws {
        guard !hasEnded else { throw SessionFault.protocolBroken("A frame came after the last one.") }
        switch frame {
        case .output(let offset, let bytes):
            let known = try outputWindow.receive(bytes.count, at: offset)
            let fresh = UnsafeRawBufferPointer(rebasing: bytes[known...])
            output.add(fresh)
            hasOutput = true
            notices?.passed(fresh)
            if notices?.isHeldBack == true { isDisturbed = true }
            lastOutput = bytes.last ?? lastOutput
        case .errorOutput(let offset, let bytes):
            let known = try errorWindow.receive(bytes.count, at: offset)
            errorOutput.add(UnsafeRawBufferPointer(rebasing: bytes[known...]))
            hasOutput = true
        case .credit(.input, let offset):
            try inputWindow.credit(to: offset)
            kept.drop(before: offset)
        case .notice(let text): show(text)
        case .lease(_, let end):
            guard let milliseconds = Int64(exactly: end), Timestamp.validRange.contains(milliseconds) else {
                throw SessionFault.protocolBroken("The node named an end that is no time.")
            }
            notAfter = Timestamp(milliseconds: milliseconds)
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

    // MARK: The rest

    func handle(_ signal: Signal) throws {
        switch signal {
        case .windowChange:
            guard isRaw, let size = Self.windowSize(descriptors) else { return }
            try channel?.send(.resize(columns: size.columns, rows: size.rows))
        case .terminate, .hangUp, .interrupt: try close(.signalled(signal, nil), within: Self.signalTime)
        case .kill, .child, .continue, .stop: break
        }
    }

    func close(_ result: Result, within time: Duration) throws {
        isDisturbed = true
        if closing == nil { try channel?.send(.close) }
        closing = (result, channel == nil ? .now : .now + time)
    }

    /// A line of ours between the lines of the session.
    func show(_ text: String) {
        isDisturbed = true
        if notices != nil {
            notices?.add(text)
            return giveNotice()
        }
        let line = DisplayText.escaped(text)
        let shown = isRaw ? "\r\n[stint] \(line)\r\n" : "stint: \(line)\n"
        // Nobody reads the notices of a session whose stderr is closed.
        try? Transfer.writeAll(descriptors.words, Array(shown.utf8))
    }

    /// When a line of ours or the title is due.
    var noticeDue: BootInstant? { ending == nil ? notices?.due : nil }

    func giveNotice() {
        guard ending == nil, let bytes = notices?.take(until: notAfter), !bytes.isEmpty else { return }
        output.addOwn(bytes)
        hasOutput = true
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
