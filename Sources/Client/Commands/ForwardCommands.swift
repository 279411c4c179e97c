// SPDX-License-Identifier: Apache-2.0

import Access
import Carriage
import CommandLineKit
import Posix

struct ForwardCommand: Command {
    static let declaration = CommandDeclaration(
        name: "forward", group: Groups.working, summary: "Reach a port from a node, through a port of this machine",
        discussion: """
            Connections to LOCAL on this machine's loopback address are made from the node to HOST:PORT, as the session's \
            user. The right to it names the destination, `forward:HOST:PORT`, in the policy and in the request. Only your own \
            processes may connect. The recording has the connections and what they carried in bytes, not the bytes.
            """,
        parameters: [
            SessionUse.node,
            .positional(
                "forwarding", value: "[LOCAL:]HOST:PORT",
                help: "Where to, as the node sees it; LOCAL is PORT if left out, and 0 is a free one."),
        ] + SessionUse.options,
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint forward db-1 5433:127.0.0.1:5432", "Reach the node's PostgreSQL at 127.0.0.1:5433."),
            .init("stint forward web-1 8080:admin.internal:80 -r 'INC-4711: look' --for 20m", "Ask, wait, and reach it."),
        ])

    private let port: UInt16
    private let destination: Destination
    private let use: SessionUse

    init(_ values: ParsedValues) throws(UsageError) {
        let text = try values.requiredParsed("forwarding") { text throws(Refusal) in text }
        let node = try values.requiredParsed("node") { text throws(Refusal) in try NodeName(text) }
        let (local, remote) = Self.split(text)
        do throws(Refusal) { destination = try Destination(remote) } catch {
            throw UsageError(error)
        }
        port = local ?? destination.port
        use = try SessionUse(
            values, .carrying(.forward(destination), command: [], line: "stint forward \(node) \(port):\(destination)"), on: node)
    }

    /// Digits before the first colon are a port of this machine's; a host is never digits alone.
    private static func split(_ text: String) -> (UInt16?, String) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), let port = UInt16(text[..<colon]) else { return (nil, text) }
        return (port, String(text[text.utf8.index(after: colon)...]))
    }

    func run(in console: Console) throws -> Int32 {
        let door = try LocalDoor(port: port)
        return try use.run(in: console) { session, grant, console in
            let end = TimeText.deadline(session.notAfter, now: .now())
            console.errors("\(door.bound) leads to \(destination) from \(session.plan.use.node), until \(end). Ctrl-C ends it.\n")
            return try Carrying(session, of: grant, console, isProxy: false).run { input, output, say in
                .opening(door, from: input, to: output, say: say)
            }
        }
    }
}

struct ProxyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "proxy", group: Groups.working, summary: "Connect input and output with a port, from a node",
        discussion: """
            For programs that can use a command as their connection, above all ssh: without HOST:PORT it is the node's own SSH \
            server at 127.0.0.1:22, and the right is `ssh`; else it is `forward:HOST:PORT`. The node needs no open port for it:
            `ssh -o ProxyCommand='stint proxy %h' db-1`.
            """,
        parameters: [
            SessionUse.node,
            .positional("destination", value: "HOST:PORT", .optional, help: "Where to, as the node sees it."),
        ] + SessionUse.options,
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint proxy db-1", "Speak to db-1's own SSH server."),
            .init("stint proxy web-1 127.0.0.1:8080", "Speak to a port by hand."),
        ])

    private let use: SessionUse

    init(_ values: ParsedValues) throws(UsageError) {
        let node = try values.requiredParsed("node") { text throws(Refusal) in try NodeName(text) }
        let destination = try values.parsed("destination") { text throws(Refusal) in try Destination(text) }
        let capability: Capability = destination.map { .forward($0) } ?? .ssh
        let line = "stint proxy \(node)" + (destination.map { " \($0)" } ?? "")
        use = try SessionUse(values, .carrying(capability, command: [], line: line), on: node)
    }

    func run(in console: Console) throws -> Int32 {
        try use.run(in: console) { session, grant, console in
            try Carrying(session, of: grant, console, isProxy: true).run { input, output, say in
                .joining((input: 0, output: 1), from: input, to: output, say: say)
            }
        }
    }
}

