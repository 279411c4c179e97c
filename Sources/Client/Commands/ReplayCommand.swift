// SPDX-License-Identifier: Apache-2.0
// SECURITY: a recording is another's output: unless asked otherwise, only what draws reaches the terminal of who looks.

import Access
import CommandLineKit
import Glibc
import Posix
import Protocol
import Terminal
import Transport

struct ReplayCommand: Command {
    static let declaration = CommandDeclaration(
        name: "replay", group: Groups.working, summary: "Play the recording of a session",
        discussion: "Pauses of more than two seconds are shortened to two. The output is made safe for your terminal.",
        parameters: [
            .positional("id", value: "SESSION", completes: .sessions, help: "The session."),
            .option("at", value: "OFFSET", help: "Begin there, as 1m30s; what was shown before is drawn at once."),
            .option("speed", value: "N", help: "Play N times as fast: 1 if left out, 0 for at once."),
            .flag("raw", help: "Write the recording itself, as an asciicast file, and play nothing."),
        ],
        examples: [
            .init("stint replay s-7k2p9x --speed 4", "Look at it in a quarter of the time."),
            .init("stint replay s-7k2p9x --at 12m", "Look at what `stint search` found."),
        ])

    private let setting: CommandSetting
    private let id: SessionID
    private let start: Duration
    private let speed: Int64
    private let isRaw: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try SessionID(text) }
        let start = try values.parsed("at") { text throws(Refusal) in try DurationText.parse(text) }
        self.start = start ?? .zero
        let speed = try values.integer("speed", in: 0...1000)
        self.speed = speed ?? 1
        isRaw = values.flag("raw") || setting.json
    }

    func run(in console: Console) throws -> Int32 {
        let bytes = try setting.signIn().recording(of: id)
        if isRaw {
            try Transfer.writeAll(StandardStream.output.rawValue, bytes)
            return 0
        }
        try Player(speed: speed, start: start).play(bytes)
        return 0
    }
}

extension Operator {
    private static let maximumRecording = 1024 * 1024 * 1024

    /// Fetches a whole recording.
    func recording(of id: SessionID) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < Self.maximumRecording {
            let answer = try broker.download("\(Route.sessions)/\(id)/recording", [("offset", String(bytes.count))])
            if answer.body.isEmpty { break }
            bytes += answer.body
            if let size = answer.headers["X-Recording-Size"].flatMap({ Int($0) }), bytes.count >= size { break }
        }
        guard !bytes.isEmpty else { throw ClientError.noRecording(id.description) }
        return bytes
    }
}

/// Plays a recording to the standard output.
private struct Player {
    private static let longestPause: Duration = .seconds(2)

    let speed: Int64
    let start: Duration

    func play(_ recording: [UInt8]) throws {
        var reader = AsciicastReader()
        var sanitiser = OutputSanitiser()
        var last: Duration = .zero
        defer {
            // The screen is put back as far as that is possible; a closed output needs nothing.
            if StandardStream.output.isTerminal { try? write(sanitiser.resetSequence) }
        }
        for piece in stride(from: 0, to: recording.count, by: 64 * 1024) {
            let items = try reader.feed(Array(recording[piece..<min(piece + 64 * 1024, recording.count)]))
            for case .event(let event) in items {
                guard case .output(let bytes) = event.kind else { continue }
                if event.time > start { pause(event.time - max(last, start)) }
                last = event.time
                try write(sanitiser.feed(bytes))
            }
        }
    }

    private func pause(_ time: Duration) {
        guard speed > 0, time > .zero else { return }
        let length = min(time / Int(speed), Self.longestPause).components
        var rest = timespec(tv_sec: Int(length.seconds), tv_nsec: Int(length.attoseconds / 1_000_000_000))
        nanosleep(&rest, nil)
    }

    private func write(_ bytes: [UInt8]) throws(SystemError) {
        try Transfer.writeAll(StandardStream.output.rawValue, bytes)
    }
}
