// SPDX-License-Identifier: Apache-2.0
// SECURITY: what comes is another's output: only what draws reaches the terminal of who looks, and nothing typed goes back.

import Access
import CommandLineKit
import Posix
import Protocol
import StrictJSON
import Terminal
import Transport

struct WatchCommand: Command {
    static let declaration = CommandDeclaration(
        name: "watch", group: Groups.deciding, summary: "Look on at a live session",
        discussion: """
            You see what the operator sees, made safe for your terminal; nothing you type goes there, and q ends it. The \
            policy says who may look on and whether the operator is told. A connection that is too slow misses bytes and says \
            so; the session never waits.
            """,
        parameters: [.positional("id", value: "SESSION", completes: .sessions, help: "The session, as `stint sessions` lists it.")],
        exitStatuses: [.init(3, "The policy does not let you."), .init(5, "It is not live.")],
        examples: [.init("stint watch s-7k2p9x", "Look over somebody's shoulder.")])

    private let setting: CommandSetting
    private let id: SessionID

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try SessionID(text) }
    }

    func run(in console: Console) throws -> Int32 {
        let viewer = try setting.signIn()
        let stream = try viewer.broker.openStream(Route.watch, [("session", id.description)])
        defer { stream.close() }
        let signals: [Signal] = [.interrupt, .terminate, .hangUp]
        try Signals.block(signals)
        let news = try SignalDescriptor(signals)
        var screen = WatchedScreen(id, console)
        let result: Result<Int32, any Error>
        if StandardStream.input.isTerminal {
            let raw = try RawMode(StandardStream.input.rawValue)
            result = Result { try Self.follow(stream, news, keys: StandardStream.input.rawValue, &screen) }
            screen.leave()
            // A terminal that is gone needs no restoring.
            try? raw.restore()
        } else {
            result = Result { try Self.follow(stream, news, keys: -1, &screen) }
            screen.leave()
        }
        console.errors("\(screen.lastWords)\n")
        return try result.get()
    }

    /// - Parameter keys: where they are typed; -1 for nowhere.
    private static func follow(
        _ stream: WebSocketStream, _ news: borrowing SignalDescriptor, keys: Int32, _ screen: inout WatchedScreen
    ) throws -> Int32 {
        var entries = [PollEntry(stream.descriptor, .input), PollEntry(news.number, .input), PollEntry(keys, .input)]
        while true {
            while let message = try stream.next() {
                switch message.kind {
                case .binary: try screen.take(try WatchMessage(decoding: message.bytes))
                case .close: return 0
                case .text, .ping, .pong: break
                }
            }
            _ = try stream.flush()
            if !stream.hasBuffered { _ = try Poll.wait(&entries, timeout: nil) }
            if let signal = try news.next() { return signal == .interrupt ? 0 : 128 + signal.rawValue }
            if keys >= 0, entries[2].isReadable {
                let typed = try Transfer.read(keys, maximum: 64)
                if typed.isEmpty || typed.contains(UInt8(ascii: "q")) || typed.contains(0x03) { return 0 }
            }
            if try stream.fill() == .ended { return 0 }
        }
    }
}

/// The viewer's terminal while another's session draws on it.
private struct WatchedScreen {
    private let id: SessionID
    private let console: Console
    private var sanitiser = OutputSanitiser()
    private let isTerminal = StandardStream.output.isTerminal
    /// Where it has none, its lines end without a return, which our raw terminal does not add.
    private var isOfTerminal = true
    /// How it ended, as the broker says it.
    private(set) var lastWords: String

    init(_ id: SessionID, _ console: Console) {
        self.id = id
        self.console = console
        lastWords = "You do not look on at session \(id) any more."
    }

    mutating func take(_ message: WatchMessage) throws {
        switch message {
        case .begin(let isOperatorTold, let isTerminal):
            isOfTerminal = isTerminal
            console.errors("Looking on at \(id); q ends it. The operator is \(isOperatorTold ? "told" : "not told").\r\n")
        case .output(let bytes), .errorOutput(let bytes): try draw(sanitiser.feed(bytes))
        case .resize(let columns, let rows): compare(columns, rows)
        case .skipped(let count): say("\(count) bytes skipped: this connection was too slow.")
        case .end(let text): lastWords = "Session \(id): \(shown(text))"
        }
    }

    private func draw(_ bytes: [UInt8]) throws(SystemError) {
        try write(isTerminal && !isOfTerminal ? bytes.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } : bytes)
    }

    /// A picture that was drawn for another size breaks its lines elsewhere.
    private func compare(_ columns: UInt16, _ rows: UInt16) {
        // Without a terminal there is no size to compare with.
        guard isTerminal, let ours = try? WindowSize(of: StandardStream.output.rawValue) else { return }
        guard ours.columns < columns || ours.rows < rows else { return }
        say("That terminal has \(columns)x\(rows), yours \(ours.columns)x\(ours.rows): make it larger to see it as it is.")
    }

    private func say(_ text: String) { console.errors("\r\n[stint] \(text)\r\n") }

    private func write(_ bytes: [UInt8]) throws(SystemError) { try Transfer.writeAll(StandardStream.output.rawValue, bytes) }

    mutating func leave() {
        // A closed output needs nothing.
        if isTerminal { try? write(sanitiser.resetSequence + Array("\r\n".utf8)) }
    }
}
