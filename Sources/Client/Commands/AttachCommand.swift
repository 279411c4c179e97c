// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit

struct AttachCommand: Command {
    static let declaration = CommandDeclaration(
        name: "attach", group: Groups.working, summary: "Take up a session again",
        discussion: """
            A session outlives its client by the time that the policy names (detachedFor): after a crash, or from another \
            terminal. Only the device that opened it can take it up; a client that is still in it has to leave.

            A client that merely lost its connection attaches again by itself.
            """,
        parameters: [.positional("session", value: "SESSION", completes: .sessions, help: "The session, as `stint sessions` lists it.")],
        exitStatuses: [
            .init(255, "Stint itself ended the session, or failed in it. Otherwise the remote status, 128 + N for signal N.")
        ],
        examples: [.init("stint attach s-7k2p9x", "Go on where the lost client stopped.")])

    private let setting: CommandSetting
    private let id: SessionID

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("session") { text throws(Refusal) in try SessionID(text) }
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        _ = try user.me()
        return try SessionReport(try SessionTicket.attach(to: id, of: user), of: nil, console).run()
    }
}
