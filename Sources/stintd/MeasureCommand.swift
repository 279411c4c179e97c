// SPDX-License-Identifier: Apache-2.0

import Broker
import CommandLineKit

struct MeasureCommand: Command {
    static let declaration = CommandDeclaration(
        name: "measure", group: "Looking after it", summary: "Measure how many approvals a second this machine stores",
        discussion: """
            Each round runs the whole approve verb against a scratch database on the home's disk, by one caller and by 64 at once, \
            and before, between and after them a plain SQLite loop with one synchronised commit an insert. Callers that wait \
            share a commit. The broker may serve meanwhile; it will be slower.
            """,
        parameters: [.option("rounds", value: "COUNT", help: "So many rounds: 3 if left out.")],
        examples: [.init("stintd measure --rounds 5", "Measure five times.")])

    private let home: BrokerHome
    private let rounds: Int64

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        let rounds = try values.integer("rounds", in: 1...100)
        self.rounds = rounds ?? 3
    }

    func run(in console: Console) throws -> Int32 {
        let measurement = try Measurement(home)
        // What stays behind is named like nothing else in the home, and an error of the measuring tells more.
        defer { try? measurement.clean() }
        console.output("plain/s  1 caller/s  ratio  64 callers/s  ratio\n")
        for _ in 0..<rounds {
            let round = try measurement.round()
            let cells = [
                Self.text(round.plain, 7), Self.text(round.oneCaller, 11), Self.ratio(round.oneCaller / round.plain, 6),
                Self.text(round.manyCallers, 13), Self.ratio(round.manyCallers / round.plain, 6),
            ]
            console.output(cells.joined(separator: " ") + "\n")
        }
        return 0
    }

    private static func text(_ number: Double, _ width: Int) -> String {
        let digits = String(Int64(number))
        return String(repeating: " ", count: max(0, width - digits.utf8.count)) + digits
    }

    /// Two digits behind the point.
    private static func ratio(_ number: Double, _ width: Int) -> String {
        let hundredths = Int64(number * 100)
        let rest = hundredths % 100
        let digits = "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
        return String(repeating: " ", count: max(0, width - digits.utf8.count)) + digits
    }
}
