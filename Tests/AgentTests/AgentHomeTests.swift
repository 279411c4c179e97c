// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Testing

@testable import Agent

@Suite struct AgentHomeTests {
    @Test func `a key comes back as it was made`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/node.key"
        #expect(try NodeKey.make(path).publicKey == NodeKey.load(path).publicKey)
    }

    @Test func `a key that others can read is refused`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/node.key"
        _ = try NodeKey.make(path)
        chmod(path, 0o640)
        #expect(refusal { _ = try NodeKey.load(path) } == "system.open-to-others")
    }

    @Test(arguments: ["", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65), String(repeating: "G", count: 64)])
    func `a key that is not 64 digits is refused`(text: String) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/node.key"
        try DurableFile.writeAtomically(Array(text.utf8), to: path)
        #expect(refusal { _ = try NodeKey.load(path) } == "agent.home-damaged")
    }

    @Test func `a home that others can look into is refused`() throws {
        let directory = try TemporaryDirectory()
        let home = try Installation().makeHome(directory)
        chmod(home.path, 0o755)
        #expect(refusal { try home.prepare() } == "system.open-to-others")
    }

    @Test func `one agent at a time owns a home`() throws {
        let directory = try TemporaryDirectory()
        let home = try Installation().makeHome(directory)
        let lock = try home.lock()
        #expect(refusal { _ = try home.lock() } == "system.in-use")
        _ = consume lock
    }

    @Test func `a home without an identity says that it must join`() throws {
        let directory = try TemporaryDirectory()
        #expect(refusal { _ = try AgentHome(directory.path).identity() } == "agent.not-joined")
    }

    @Test func `an identity with a field too many is refused`() throws {
        let directory = try TemporaryDirectory()
        let home = try Installation().makeHome(directory)
        var text = String(decoding: try DurableFile.read(home.identityPath, maximumBytes: 4096), as: UTF8.self)
        text = "{\"extra\": 1," + text.dropFirst()
        try DurableFile.writeAtomically(Array(text.utf8), to: home.identityPath)
        #expect(refusal { _ = try home.identity() } == "agent.home-damaged")
    }
}

@Suite struct NodeRollTests {
    @Test func `the roll is read again and verified`() throws {
        let directory = try TemporaryDirectory()
        let installation = try Installation()
        let home = try installation.makeHome(directory)
        #expect(try NodeRoll(home.rollPath, root: try installation.root).roll.head == installation.roll.head)
    }

    @Test func `a roll with another root than the pinned one is refused`() throws {
        let directory = try TemporaryDirectory()
        let home = try Installation().makeHome(directory)
        let other = try Installation().root
        #expect(refusal { _ = try NodeRoll(home.rollPath, root: other) } == "agent.other-root")
    }

    @Test func `a changed byte in the stored roll is found`() throws {
        let directory = try TemporaryDirectory()
        let installation = try Installation()
        let home = try installation.makeHome(directory)
        var text = try DurableFile.read(home.rollPath, maximumBytes: 1 << 20)
        let place = try #require(text.indices.first { text[$0...].starts(with: "carol".utf8) })
        text[place] = UInt8(ascii: "d")
        try DurableFile.writeAtomically(text, to: home.rollPath)
        let root = try installation.root
        #expect(refusal { _ = try NodeRoll(home.rollPath, root: root) } == "agent.home-damaged")
    }

    @Test func `a line that a crash left unfinished is cut off`() throws {
        let directory = try TemporaryDirectory()
        let installation = try Installation()
        let home = try installation.makeHome(directory)
        let whole = try DurableFile.read(home.rollPath, maximumBytes: 1 << 20)
        try DurableFile.writeAtomically(Array(whole.dropLast(10)), to: home.rollPath)
        var roll = try NodeRoll(home.rollPath, root: try installation.root)
        #expect(roll.roll.number == installation.roll.number - 1)
        try roll.append([try #require(installation.entries.last)])
        #expect(try DurableFile.read(home.rollPath, maximumBytes: 1 << 20) == whole)
    }

    @Test func `a batch with one wrong entry changes nothing`() throws {
        let directory = try TemporaryDirectory()
        var installation = try Installation()
        let home = try installation.makeHome(directory)
        var roll = try NodeRoll(home.rollPath, root: try installation.root)
        let first = installation.entries[0]
        try installation.disable("carol")
        let good = try #require(installation.entries.last)
        #expect(refusal { _ = try roll.append([good, first]) } == "roll.gap")
        #expect(roll.roll.number == installation.roll.number - 1)
        #expect(refusal { _ = try roll.append([good]) } == "accepted")
    }

    @Test func `an entry that nobody entitled signed is refused`() throws {
        let directory = try TemporaryDirectory()
        let installation = try Installation()
        let home = try installation.makeHome(directory)
        var roll = try NodeRoll(home.rollPath, root: try installation.root)
        let statement = DisablingStatement(
            place: roll.roll.next, subject: .person(try PersonName("alice")), by: try PersonName("bob"), reason: "",
            at: Installation.start)
        let forged = try statement.signed(with: installation.bob.signing)
        #expect(refusal { _ = try roll.append([forged.source]) } == "person.not-an-administrator")
    }
}
