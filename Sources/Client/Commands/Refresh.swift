// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import Synchronization
import Terminal
import Transport

/// Shows something again and again: anew in place on a terminal, only what has changed elsewhere.
struct Refresh {
    private static let pause: Duration = .seconds(2)

    private let console: Console

    init(_ console: Console) { self.console = console }

    /// - Parameter show: writes everything to the console it is given.
    /// - Returns: the exit status, when the person has enough.
    func run(_ show: (Console) throws -> Void) throws -> Int32 {
        let signals: [Signal] = [.interrupt, .terminate, .hangUp, .windowChange]
        try Signals.block(signals)
        let news = try SignalDescriptor(signals)
        var last: String?
        while true {
            let text = try picture(show)
            if StandardStream.output.isTerminal {
                let line = "Every 2 s, \(TimeText.local(.now())); Ctrl-C ends.\n\n"
                console.output("\u{1B}[H\u{1B}[J" + console.style.apply(.bold, line) + text)
            } else if text != last {
                console.output(text)
            }
            last = text
            var entries = [PollEntry(news.number, .input)]
            _ = try Poll.wait(&entries, timeout: Self.pause)
            while let signal = try news.next() {
                switch signal {
                case .windowChange: break
                case .interrupt: return 0
                case .hangUp, .kill, .terminate, .child, .continue, .stop: return 128 + signal.rawValue
                }
            }
        }
    }

    private func picture(_ show: (Console) throws -> Void) throws -> String {
        let text = Collected()
        // The window may have another size than before.
        let width = (try? WindowSize(of: StandardStream.output.rawValue)).map { Int($0.columns) }
        do {
            try show(Console(output: { text.add($0) }, errors: { text.add($0) }, width: width, style: console.style))
        } catch let error as TransportError {
            text.add("\(shown(error.message))\n")  // it may be back in a moment
        }
        return text.all
    }
}

/// Text that several closures add to.
private final class Collected: Sendable {
    private let parts = Mutex<[String]>([])

    var all: String { parts.withLock { $0.joined() } }

    func add(_ text: String) { parts.withLock { $0.append(text) } }
}
