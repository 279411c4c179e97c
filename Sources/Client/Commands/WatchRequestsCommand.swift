// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Posix
import StrictJSON
import Transport

struct WatchRequestsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "watch-requests", group: Groups.deciding, summary: "Ring when something waits for your vote",
        discussion: "Prints one line for each request, once, and rings the terminal's bell. It runs until Ctrl-C.",
        examples: [.init("stint watch-requests", "Leave it open in a corner of the screen.")])

    private static let pause: Duration = .seconds(2)
    /// Where the broker cannot be reached, which is said once.
    private static let longPause: Duration = .seconds(10)

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let approver = try setting.signIn()
        _ = try approver.synchronise()
        _ = try approver.me()
        let signals: [Signal] = [.interrupt, .terminate, .hangUp]
        try Signals.block(signals)
        let news = try SignalDescriptor(signals)
        if !setting.json { console.errors("Waiting for requests. Ctrl-C ends.\n") }
        var told: Set<String> = []
        var isAway = false
        while true {
            do {
                for row in try approver.requestsToDecide() {
                    guard let id = row.optionalText("id"), told.insert(id).inserted else { continue }
                    tell(row, console)
                }
                if isAway { console.errors("The broker is back.\n") }
                isAway = false
            } catch let error as TransportError {
                if !isAway { console.errors("stint: \(shown(error.message)) Trying on.\n") }
                isAway = true
            }
            var entries = [PollEntry(news.number, .input)]
            _ = try Poll.wait(&entries, timeout: isAway ? Self.longPause : Self.pause)
            if let signal = try news.next() { return signal == .interrupt ? 0 : 128 + signal.rawValue }
        }
    }

    private func tell(_ row: Answer, _ console: Console) {
        if setting.json { return console.output(row.json.text + "\n") }
        let bell = StandardStream.output.isTerminal ? "\u{7}" : ""
        console.output(bell + Lists.waiting(row) + "\n")
    }
}
