// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix

struct JoinCommand: Command {
    static let declaration = CommandDeclaration(
        name: "join", group: Groups.enrolling, summary: "Enrol this device with a token",
        discussion: """
            A token works once. It names the broker and the key that the broker must show, so nothing else needs to be \
            configured. The device key is made here and never leaves this machine.

            The token that `stintd init` prints makes you the first administrator: choose your name with --name, and your \
            groups with --groups.
            """,
        parameters: [
            .positional("token", value: "TOKEN", .optional, help: "The token; `-` reads it from the standard input."),
            .option("token-file", value: "FILE", completes: .files, help: "Read the token from this file."),
            .option("name", value: "NAME", help: "Of the first administrator; `admin` if left out."),
            .option("groups", value: "A,B", help: "Of the first administrator."),
            .option("policy", value: "FILE", completes: .files, help: "The policy to begin with, of the first administrator."),
            .option("label", value: "TEXT", help: "How to call this device; the machine's name if left out."),
        ],
        examples: [
            .init("stint join - < token", "Enrol this device."),
            .init("stint join --token-file token --name alice --groups ops", "Become the first administrator."),
        ])

    private let setting: CommandSetting
    private let token: Source
    private let name: PersonName
    private let groups: [GroupName]?
    private let policyFile: String?
    private let label: String?

    private enum Source {
        case text(String)
        case input
        case file(String)
    }

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        switch (values.value("token"), values.value("token-file")) {
        case ("-", nil): token = .input
        case (let text?, nil): token = .text(text)
        case (nil, let file?): token = .file(file)
        case (nil, nil):
            throw UsageError(
                code: "usage.missing-argument", message: "The token is missing.",
                hint: "Pass it, `-` for the standard input, or --token-file FILE.")
        case (.some, .some):
            throw UsageError(
                code: "usage.conflict", message: "A token and --token-file are given.", hint: "Keep one of them.")
        }
        let given = try values.parsed("name") { text throws(Refusal) in try PersonName(text) }
        name = if let given { given } else { try Self.administrator() }
        groups = try values.list("groups") { text throws(Refusal) in try GroupName(text) }
        policyFile = values.value("policy")
        label = values.value("label")
    }

    func run(in console: Console) throws -> Int32 {
        let policy = try policyFile.map { file in
            String(decoding: try DurableFile.read(file, maximumBytes: Policy.maximumLength), as: UTF8.self)
        }
        let joining = try Joining(try setting.clientHome(), label: label ?? Environment.hostName())
        let founding = Joining.Founding(name: name, groups: groups, policy: policy)
        let identity = try joining.join(with: try readToken(), founding: founding)
        setting.show(identity.json, in: console) {
            "You are \(identity.person), on device \(shown(identity.label)).\nNext: stint whoami, stint nodes\n"
        }
        return 0
    }

    private func readToken() throws -> JoinToken {
        switch token {
        case .text(let text): return try JoinToken(text)
        case .file(let path):
            return try JoinToken(
                String(decoding: try DurableFile.read(path, maximumBytes: JoinToken.maximumLength), as: UTF8.self))
        case .input:
            var bytes: [UInt8] = []
            while bytes.count <= JoinToken.maximumLength {
                let piece = try Transfer.read(StandardStream.input.rawValue, maximum: JoinToken.maximumLength + 1)
                if piece.isEmpty { break }
                bytes += piece
                if piece.contains(UInt8(ascii: "\n")) { break }  // a line typed on a terminal
            }
            return try JoinToken(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func administrator() throws(UsageError) -> PersonName {
        do throws(Refusal) {
            return try PersonName("admin")
        } catch {
            throw UsageError(code: error.code, message: error.message)
        }
    }
}
