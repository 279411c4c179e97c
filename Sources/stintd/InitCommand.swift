// SPDX-License-Identifier: Apache-2.0

import Broker
import CommandLineKit

struct InitCommand: Command {
    static let declaration = CommandDeclaration(
        name: "init", group: "Setting up", summary: "Make a broker's home and the token for the first administrator",
        discussion: """
            Makes the broker's key and database, keeps the policy that the first administrator is going to sign, and writes
            the founding token to standard output. The token works once, for 15 minutes; whoever holds it becomes the
            first administrator. Its secret is not stored.
            """,
        parameters: [
            .option("address", value: "HOST:PORT", help: "Where operators and nodes reach this broker; tokens name it."),
            .option("policy", value: "FILE", completes: .files, help: "The policy to found with; see the shipped policy.json5."),
            .flag("renew-token", help: "Make a new founding token while nobody has joined; the one before is void."),
        ],
        examples: [
            .init("stintd init --address broker.example.org:7420 --policy /etc/stint/policy.json5", "Set up a broker."),
        ])

    let home: BrokerHome
    let address: String
    let policy: String?
    let isRenewal: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        address = values.value("address") ?? "127.0.0.1:7420"
        policy = values.value("policy")
        isRenewal = values.flag("renew-token")
    }

    func run(in console: Console) throws -> Int32 {
        if isRenewal {
            console.output(try BrokerSetup.renewToken(home) + "\n")
        } else {
            console.output(try BrokerProgram.initialise(home, address: address, policyFile: policy ?? "/etc/stint/policy.json5") + "\n")
            console.errors("Made the home \(home.path). The first administrator joins with: stint join TOKEN\n")
        }
        return 0
    }
}
