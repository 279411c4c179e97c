// SPDX-License-Identifier: Apache-2.0

import Access
import Carriage
import CommandLineKit
import Posix

struct CopyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "copy", group: Groups.working, summary: "Copy files and folders to a node or from it",
        discussion: """
            One side is NODE:PATH. Folders are copied with all that is in them, links are followed. Where the last argument is \
            a folder, the copies go into it under their own names; else it is the copy's name. Each is put in place with one \
            rename when all has come, so nobody sees half a file; a file that is there is replaced, a folder never.
            """,
        parameters: [
            .positional("paths", value: "PATH", .oneOrMore, completes: .files, help: "From where, one or several, and at last to where."),
        ] + SessionUse.options,
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint copy db-1:/var/log/postgresql/today.log .", "Bring a file here."),
            .init("stint copy ./fix.sql ./notes db-1:/tmp/", "Put a file and a folder there."),
        ])

    private let order: CopyOrder
    /// On this machine: what is sent, or where it is put.
    private let here: [String]
    private let use: SessionUse

    init(_ values: ParsedValues) throws(UsageError) {
        let given = values.many("paths")
        let places = given.map { Place($0) }
        guard places.count > 1, let last = places.last else {
            throw UsageError(code: "usage.copy-sides", message: "There is nowhere to copy to.", hint: "Write from where and to where: stint copy db-1:/etc/hosts .")
        }
        let sources = places.dropLast()
        let nodes = Set((last.node.map { [$0] } ?? []) + sources.compactMap(\.node))
        guard nodes.count == 1, let name = nodes.first, (last.node == nil) == sources.allSatisfy({ $0.node != nil }),
            last.node == nil || sources.allSatisfy({ $0.node == nil })
        else {
            throw UsageError(
                code: "usage.copy-sides", message: "One side must be of one node, and the other of this machine.",
                hint: "Write NODE:PATH for the one, and ./PATH for a path of this machine that has a colon.")
        }
        if last.node == nil, let path = sources.map(\.path).first(where: { CopyOrder.name(of: $0) == nil }) {
            throw UsageError(CarriageError.nameless(path))
        }
        let node: NodeName
        do throws(Refusal) {
            node = try NodeName(name)
            order = try CopyOrder((last.node == nil ? ["from"] + sources.map(\.path) : ["to", last.path]))
        } catch {
            throw UsageError(error)
        }
        here = last.node == nil ? [last.path] : sources.map(\.path)
        let line = "stint copy " + (CommandText.shown(given) ?? "PATH...")
        use = try SessionUse(values, .carrying(.copy, command: order.words, line: line), on: node)
    }

    func run(in console: Console) throws -> Int32 {
        switch order {
        case .from(let paths):
            // First of all: what cannot be put in place is not asked for.
            let receiver = try ArchiveReceiver(into: here[0], expected: Set(paths.compactMap { CopyOrder.name(of: $0) }))
            return try fetch(into: receiver, console)
        case .to: return try send(try ArchiveSender(here), console)
        }
    }

    private func fetch(into receiver: consuming ArchiveReceiver, _ console: Console) throws -> Int32 {
        let status = try use.run(in: console) { session, grant, console in
            try SessionClient.awaitSignals()
            let (reading, writing) = try Pipe().release()
            let writer = OwnedDescriptor(owning: writing)
            let child = try receiver.unpack(from: OwnedDescriptor(owning: reading))
            let nothing = try Self.endedPipe()
            let status = try ElapsedLine.show("Copying") {
                try SessionReport(session, of: grant, console).run(on: .init(input: nothing.number, output: writer.number))
            }
            // Of half an archive it would complain; who ended the session has been told why.
            if status != 0 { try child.signal(.kill) }
            try writer.close()
            let end = try child.wait()
            guard status == 0, end != .exited(0) else { return status }
            throw CarriageError.archiveFailed(status: end.shellCode)
        }
        if status == 0 { try receiver.place() }
        return status
    }

    /// An input at its end.
    private static func endedPipe() throws(SystemError) -> OwnedDescriptor {
        let (reading, writing) = try Pipe().release()
        try OwnedDescriptor(owning: writing).close()
        return OwnedDescriptor(owning: reading)
    }

    private func send(_ sender: ArchiveSender, _ console: Console) throws -> Int32 {
        try use.run(in: console) { session, grant, console in
            try SessionClient.awaitSignals()
            let (reading, writing) = try Pipe().release()
            let reader = OwnedDescriptor(owning: reading)
            try Thread.start("archive") {
                let writer = OwnedDescriptor(owning: writing)
                // tar has said what is wrong here, and the node is told that it is not all: its status is ours.
                try? sender.runSealed(to: writer.number)
            }
            return try ElapsedLine.show("Copying") {
                try SessionReport(session, of: grant, console).run(on: .init(input: reader.number))
            }
        }
    }

    /// `db-1:/etc/hosts`, or a path here. As with scp, a colon after a slash is none.
    private struct Place {
        let node: String?
        let path: String

        init(_ text: String) {
            let head = text.utf8.prefix { $0 != UInt8(ascii: "/") }
            guard let colon = head.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex else {
                (node, path) = (nil, text)
                return
            }
            node = String(text[..<colon])
            let rest = String(text[text.utf8.index(after: colon)...])
            path = rest.isEmpty ? "." : rest
        }
    }
}
