// SPDX-License-Identifier: Apache-2.0
// SECURITY: a recording is another's output: only what draws reaches the terminal of who looks (``OutputSanitiser``).

import Access
import CommandLineKit
import Posix
import Terminal

/// Plays a recording on the standard output, and obeys the keys of whoever looks at it on a terminal.
struct Player {
    private static let stride: Duration = .seconds(10)
    private static let help = "space on  ←→ 10 s  +- speed  / n N find  . step  q end"

    private let name: String
    private var playback: Playback
    private var sanitiser = OutputSanitiser()
    /// What is being typed behind `/`.
    private var query: [UInt8]?
    private var lastQuery = ""
    /// What the bottom line says beside where we are; nil where there is no such line.
    private var remark: String?
    private var titleSecond: Int64 = -1
    private var isRaw = false
    private let hasTitle = WindowTitle.exists(on: Environment.value("TERM") ?? "dumb")

    /// - Parameter speed: in hundredths.
    init(_ recording: Recording, of name: String, speed: Int) {
        self.name = name
        playback = Playback(recording, speed: speed)
    }

    /// Draws all of it at once.
    mutating func draw() throws { try draw(playback.jump(to: playback.recording.length)) }

    /// Plays it in its time, without keys.
    mutating func run(from start: Duration) throws {
        try draw(playback.jump(to: start))
        var nothing: [PollEntry] = []
        while let wait = playback.wait {
            _ = try Poll.wait(&nothing, timeout: wait)
            try draw(playback.advance(by: wait))
        }
    }

    /// Plays it for somebody at a terminal.
    ///
    /// - Returns: the exit status.
    mutating func runInteractively(from start: Duration) throws -> Int32 {
        let signals: [Signal] = [.terminate, .hangUp, .interrupt]
        try Signals.block(signals)
        let news = try SignalDescriptor(signals)
        let raw = try RawMode(StandardStream.input.rawValue)
        isRaw = true
        if hasTitle { try write(WindowTitle.save) }
        let result = Result { try loop(from: start, news) }
        // The terminal is put back as far as that is possible; one that is gone needs nothing.
        try? write(sanitiser.resetSequence + (hasTitle ? WindowTitle.restore : []) + Array("\r\n".utf8))
        try? raw.restore()
        return try result.get()
    }

    private mutating func loop(from start: Duration, _ news: borrowing SignalDescriptor) throws -> Int32 {
        try draw(playback.jump(to: start))
        var entries = [PollEntry(StandardStream.input.rawValue, .input), PollEntry(news.number, .input)]
        var last = BootInstant.now
        while !playback.isOver || playback.isPaused {
            try showTitle()
            _ = try Poll.wait(&entries, timeout: [playback.wait, playback.isPaused ? nil : .seconds(1)].compactMap { $0 }.min())
            let now = BootInstant.now
            try draw(playback.advance(by: now - last))
            last = now
            if let signal = try news.next() { return 128 + signal.rawValue }
            guard entries[0].isReadable else { continue }
            let typed = try Transfer.read(StandardStream.input.rawValue, maximum: 64)
            if typed.isEmpty { return 0 }
            for key in ReplayKey.decode(typed) {
                if try !obey(key) { return 0 }
            }
        }
        return 0
    }

    // MARK: Keys

    /// - Returns: whether it goes on.
    private mutating func obey(_ key: ReplayKey) throws -> Bool {
        if query != nil { return try type(key) }
        switch key {
        case .interrupt, .character(UInt8(ascii: "q")): return false
        case .character(UInt8(ascii: " ")):
            playback.togglePause()
            try playback.isPaused ? say("paused") : unsay()
        case .right: try move(playback.jump(to: playback.position + Self.stride))
        case .left: try move(playback.jump(to: playback.position - Self.stride))
        case .up, .character(UInt8(ascii: "+")), .character(UInt8(ascii: "=")): try changeSpeed(2)
        case .down, .character(UInt8(ascii: "-")): try changeSpeed(-2)
        case .character(UInt8(ascii: ".")):
            playback.pause()
            try move(playback.step())
        case .character(UInt8(ascii: "/")):
            playback.pause()
            query = []
            try say("/")
        case .character(UInt8(ascii: "n")): try find(lastQuery)
        case .character(UInt8(ascii: "N")): try find(lastQuery, isBackward: true)
        case .character(UInt8(ascii: "?")):
            playback.pause()
            try say(Self.help)
        case .character, .enter, .backspace, .escape: break
        }
        return true
    }

    /// A key of the text to look for.
    private mutating func type(_ key: ReplayKey) throws -> Bool {
        var typed = query ?? []
        switch key {
        case .interrupt, .escape:
            query = nil
            try say("paused")
            return true
        case .enter:
            query = nil
            if !typed.isEmpty { lastQuery = String(decoding: typed, as: UTF8.self) }
            try find(lastQuery)
            return true
        case .backspace: while let last = typed.popLast(), last & 0xC0 == 0x80 {}
        case .character(let byte): if typed.count < 200 { typed.append(byte) }
        case .left, .right, .up, .down: break
        }
        query = typed
        try say("/" + String(decoding: typed, as: UTF8.self))
        return true
    }

    private mutating func changeSpeed(_ factor: Int) throws {
        playback.changeSpeed(factor)
        titleSecond = -1
        if playback.isPaused { try say("paused") }
    }

    private mutating func find(_ text: String, isBackward: Bool = false) throws {
        guard !text.isEmpty else { return try say("nothing to look for: / and a text") }
        playback.pause()
        guard let drawing = playback.find(text, isBackward: isBackward) else {
            return try say("`\(text)` is not shown \(isBackward ? "before" : "after") this")
        }
        try move(drawing)
        try say("`\(text)`: n for the next")
    }

    // MARK: Drawing

    /// After a jump: on a screen that has our line, everything anew.
    private mutating func move(_ drawing: Playback.Drawing) throws {
        try remark == nil ? draw(drawing) : draw(playback.redrawing)
        if playback.isPaused { try say("paused") }
    }

    private mutating func draw(_ drawing: Playback.Drawing) throws {
        let pieces: Range<Int>
        switch drawing {
        case .more(let range): pieces = range
        case .anew(let range):
            pieces = range
            try write(sanitiser.resetSequence + Array("\u{1B}[H\u{1B}[2J".utf8))
            sanitiser = OutputSanitiser()
        }
        for index in pieces {
            let drawn = sanitiser.feed(playback.recording.pieces[index].bytes)
            try write(isRaw && !playback.recording.hasReturns ? drawn.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] } : drawn)
        }
    }

    /// Says something on the bottom line, over the picture, which is drawn anew when it goes on.
    private mutating func say(_ text: String) throws {
        remark = text
        // Without a size there is no bottom line.
        guard let size = try? WindowSize(of: StandardStream.output.rawValue) else { return }
        let line = "\(clock)  \(DisplayText.escaped(text))"
        let shown = DisplayWidth.truncate(line, to: max(8, Int(size.columns) - 1))
        try write(Array("\u{1B}7\u{1B}[\(size.rows);1H\u{1B}[0;7m\(shown)\u{1B}[K\u{1B}[0m\u{1B}8".utf8))
    }

    private mutating func unsay() throws {
        remark = nil
        try draw(playback.redrawing)
    }

    private mutating func showTitle() throws {
        let second = playback.position.components.seconds
        guard hasTitle, second != titleSecond else { return }
        titleSecond = second
        try write(WindowTitle.set("\(name) \(clock)"))
    }

    /// `1m05s of 4m56s, ×2`
    private var clock: String {
        let speed = playback.speed == 100 ? "" : ", ×\(SpeedText.format(playback.speed))"
        return "\(Self.seconds(playback.position)) of \(Self.seconds(playback.recording.length))\(speed)"
    }

    private static func seconds(_ time: Duration) -> String { DurationText.format(.seconds(time.components.seconds)) }

    private func write(_ bytes: [UInt8]) throws(SystemError) {
        guard !bytes.isEmpty else { return }
        try Transfer.writeAll(StandardStream.output.rawValue, bytes)
    }
}
