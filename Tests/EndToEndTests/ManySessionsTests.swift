// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Live sessions through restarts of the broker (DESIGN 7): none is lost, and each recording goes on. `STINT_SESSIONS` and
/// `STINT_RESTARTS` make it long: issue 5 asks for 100 sessions and 20 restarts.
@Suite struct ManySessionsTests {
    private static func number(_ name: String, otherwise standard: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? standard
    }

    private static let sessions = number("STINT_SESSIONS", otherwise: 6)
    private static let restarts = number("STINT_RESTARTS", otherwise: 2)

    @Test func `no session is lost when the broker is killed and started again, and no line of it`() async throws {
        try await Installation.with(.init(turn: .heavy)) { here in
            let grant = try await here.grant()
            var commands: [(process: RunningProgram, output: String)] = []
            for number in 1...Self.sessions {
                commands.append(try here.counter(number))
                // The broker takes a limited number of handshakes from one address at a time.
                guard number % 8 == 0 || number == Self.sessions else { continue }
                try await eventually("\(number) sessions", within: .seconds(120)) {
                    commands.allSatisfy { !Self.lines($0.output).isEmpty }
                }
            }
            for restart in 1...Self.restarts {
                try await here.killBroker()
                try await here.startBroker()
                let before = commands.map { Self.lines($0.output).count }
                try await eventually("all sessions after restart \(restart)", within: .seconds(60)) {
                    zip(commands, before).allSatisfy { Self.lines($0.output).count > $1 + 2 }
                }
                let running = commands.count { $0.process.isRunning }
                #expect(running == Self.sessions)
            }
            for command in commands {
                let lines = Self.lines(command.output)
                #expect(lines == (1...lines.count).map(String.init), "nothing twice, nothing missing")
            }
            try await here.stint(as: "oncall", "done", grant).checked()
            for command in commands { #expect(try await command.process.waitForEnd(within: .seconds(30)).status == 255) }
            try await eventually("all receipts", within: .seconds(60)) {
                let sessions = try await here.sessions(of: grant)
                return sessions.count == Self.sessions && sessions.allSatisfy { $0.receipt?.left == 0 && $0.endReason == "released" }
            }
            try await here.stopBroker()
            #expect(try await here.run(Programs.stintd, ["check", "--home", here.brokerHome]).status == 0, "recordings are continuous")
        }
    }

    /// The whole lines so far.
    private static func lines(_ path: String) -> [String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { String($0) }
    }
}

extension Installation {
    /// A session that counts, a line every tenth of a second.
    fileprivate func counter(_ number: Int) throws -> (process: RunningProgram, output: String) {
        let output = "\(directory)/counter-\(number)"
        let process = try background(
            Programs.stint, ["exec", "db-1", "--", "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"],
            environment: ["STINT_HOME": home(of: "oncall")], output: output)
        return (process, output)
    }
}
