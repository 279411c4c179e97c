// SPDX-License-Identifier: Apache-2.0
// SECURITY: a recording is another's output: `--raw` alone writes it as it is.

import Access
import CommandLineKit
import Posix
import Protocol
import Terminal
import Transport

struct ReplayCommand: Command {
    static let declaration = CommandDeclaration(
        name: "replay", group: Groups.working, summary: "Play the recording of a session",
        discussion: """
            The output is made safe for your terminal. On a terminal, space pauses, the left and right arrows jump ten seconds, \
            + and - change the speed, / looks for a text and n for the next, . shows the next step, ? explains, q ends.
            """,
        parameters: [
            .positional("id", value: "SESSION", completes: .sessions, help: "The session, as `stint sessions` lists it."),
            .option("from", value: "OFFSET", help: "Begin there, as 1m30s; what was shown before is drawn at once."),
            .option("speed", value: "N", help: "Play N times as fast, as 0.5 or 4: 1 if left out, 0 for at once."),
            .option("idle-limit", value: "DURATION", help: "Shorten longer pauses to this: 2s if left out."),
            .flag("raw", help: "Write the recording itself, as an asciicast file, and play nothing."),
        ],
        examples: [
            .init("stint replay s-7k2p9x --speed 4", "Look at it in a quarter of the time."),
            .init("stint replay s-7k2p9x --from 12m", "Look at what `stint search` found."),
            .init("stint replay s-7k2p9x --raw >incident.cast", "Keep it, for `asciinema play incident.cast`."),
        ])

    private let setting: CommandSetting
    private let id: SessionID
    private let start: Duration
    private let speed: Int
    private let longestPause: Duration
    private let isRaw: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try SessionID(text) }
        let start = try values.parsed("from") { text throws(Refusal) in try DurationText.parse(text) }
        self.start = start ?? .zero
        let speed = try values.value("speed", expecting: "a number from 0.1 to 1000, or 0 for at once", SpeedText.parse)
        self.speed = speed ?? 100
        let pause = try values.parsed("idle-limit") { text throws(Refusal) in try DurationText.parse(text) }
        longestPause = pause ?? .seconds(2)
        isRaw = values.flag("raw") || setting.json
    }

    func run(in console: Console) throws -> Int32 {
        let bytes = try setting.signIn().recording(of: id)
        if isRaw {
            try Transfer.writeAll(StandardStream.output.rawValue, bytes)
            return 0
        }
        let recording = try Recording(bytes, longestPause: longestPause)
        var player = Player(recording, of: id.description, speed: max(speed, Playback.speeds.lowerBound))
        if speed == 0 {
            try player.draw()
        } else if StandardStream.input.isTerminal, StandardStream.output.isTerminal {
            compare(recording.size, console)
            return try player.runInteractively(from: start)
        } else {
            try player.run(from: start)
        }
        return 0
    }

    /// A picture that was drawn for a larger terminal breaks its lines elsewhere.
    private func compare(_ size: WindowSize?, _ console: Console) {
        // Without a size there is nothing to compare with.
        guard let size, let ours = try? WindowSize(of: StandardStream.output.rawValue),
            ours.columns < size.columns || ours.rows < size.rows
        else { return }
        console.errors(
            "That terminal had \(size.columns)x\(size.rows), yours has \(ours.columns)x\(ours.rows): make it larger to see it as it was.\n")
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
