// SPDX-License-Identifier: Apache-2.0

import Broker
import CommandLineKit

struct ServeCommand: Command {
    static let declaration = CommandDeclaration(
        name: "serve", group: "Running", summary: "Serve operators and nodes",
        discussion: "Runs until it gets SIGTERM or SIGINT. The sweeper runs inside.",
        parameters: [
            .option("listen", value: "HOST:PORT", help: "Where to listen, if not at the address that tokens name."),
        ],
        examples: [.init("stintd serve --listen 0.0.0.0:7420", "Serve on all addresses.")])

    let home: BrokerHome
    let listen: String?

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        listen = values.value("listen")
    }

    func run(in console: Console) throws -> Int32 {
        try BrokerProgram.serve(home, listen: listen)
        return 0
    }
}

struct SweepCommand: Command {
    static let declaration = CommandDeclaration(
        name: "sweep", group: "Running", summary: "End what is due, beside or without a serving broker",
        discussion: """
            Lapses requests that nobody decided, expires grants, and gives up sessions of silent nodes, in the same database
            and with the same transitions as `stintd serve`; both may run at once.
            """,
        parameters: [.flag("once", help: "Make one pass and stop; otherwise a pass each second until SIGTERM.")],
        examples: [.init("stintd sweep --once", "One pass.")])

    let home: BrokerHome
    let isOnce: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        isOnce = values.flag("once")
    }

    func run(in console: Console) throws -> Int32 {
        try BrokerProgram.sweep(home, once: isOnce) { console.output($0 + "\n") }
        return 0
    }
}
