// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import Terminal

/// Waits for a decision before the eyes of a person: one line that is drawn anew on a terminal, a line for each change
/// elsewhere.
struct DecisionWait {
    enum Outcome {
        case decided(Answer)
        /// The person does not want to wait; the request stays. With the exit status.
        case stopped(Int32)
    }

    private let console: Console
    private let isQuiet: Bool
    private let asked: [PersonName]
    private let again: String

    /// - Parameter again: the command that goes on waiting.
    init(_ console: Console, quiet: Bool, asked: [PersonName], again: String) {
        self.console = console
        isQuiet = quiet
        self.asked = asked
        self.again = again
    }

    func wait(for id: RequestID, of requester: Operator, from first: Answer) throws -> Outcome {
        let signals: [Signal] = [.interrupt, .terminate, .hangUp]
        try Signals.block(signals)
        let news = try SignalDescriptor(signals)
        var line = StatusLine(console, quiet: isQuiet)
        defer { line.clear() }
        if first.optionalText("state") == AccessRequest.State.pending.rawValue {
            line.say("Ctrl-C stops waiting and leaves the request.")
        }
        let poll = DecisionPoll(id, from: first, of: requester)
        while true {
            try poll.advance()
            guard poll.isPending else { return .decided(poll.current) }
            line.show { WaitingText.line(poll.current, asked: asked.map(\.text), showsTime: $0, now: .now()) }
            var entries = [PollEntry(news.number, .input), PollEntry(poll.number, .input)]
            _ = try Poll.wait(&entries, timeout: [poll.due, line.isLive ? .seconds(1) : nil].compactMap { $0 }.min())
            if let signal = try news.next() {
                line.clear()
                console.errors(WaitingText.stopped(poll.current, again: again, now: .now()))
                return .stopped(128 + signal.rawValue)
            }
        }
    }
}

/// One line on the standard error that changes: in place on a terminal, as a new line elsewhere.
struct StatusLine {
    private let console: Console
    private let isQuiet: Bool
    /// Whether the line is drawn anew in place.
    let isLive: Bool
    private var last: String?

    init(_ console: Console, quiet: Bool = false) {
        self.console = console
        isQuiet = quiet
        isLive = !quiet && StandardStream.error.isTerminal
    }

    /// - Parameter text: of ours or escaped; told whether it may name what changes with every second.
    mutating func show(_ text: (_ isLive: Bool) -> String) {
        guard !isQuiet else { return }
        let text = text(isLive)
        guard text != last else { return }
        last = text
        guard isLive else { return console.errors(text + "\n") }
        // The window may have another size than a moment ago; without one nothing is cut.
        let width = (try? WindowSize(of: StandardStream.error.rawValue)).map { Int($0.columns) } ?? 80
        console.errors("\r\(DisplayWidth.truncate(text, to: max(8, width - 1)))\u{1B}[K")
    }

    /// A line that stays, above the one that changes.
    mutating func say(_ text: String) {
        guard !isQuiet else { return }
        clear()
        console.errors(text + "\n")
    }

    mutating func clear() {
        if isLive, last != nil { console.errors("\r\u{1B}[K") }
        last = nil
    }
}
