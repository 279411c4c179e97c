// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Testing

@testable import Client

@Suite struct RollCacheTests {
    private func cache(_ home: ClientHome, _ world: Installation) throws -> RollCache {
        try RollCache(home, root: world.root, broker: world.brokerKey.publicKey)
    }

    @Test func `what was appended is there again, in the same place`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        var first = try cache(temporary.home, world)
        try first.append(Array(world.entries.prefix(3)))
        try first.append(Array(world.entries.dropFirst(3)))
        let again = try cache(temporary.home, world)
        #expect(again.roll.number == world.roll.number)
        #expect(again.roll.head == world.roll.head)
        #expect(again.roll.directory == world.roll.directory)
    }

    @Test func `a broker that is behind or forked is found out, one that is ahead is asked for more`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        var cache = try cache(temporary.home, world)
        try cache.append(world.entries)
        let (number, head) = (world.roll.number, world.roll.head.hex)
        #expect(try cache.compare(number: number, head: head) == false)
        #expect(try cache.compare(number: number + 1, head: "whatever") == true)
        #expect(refusal { _ = try cache.compare(number: number - 1, head: head) } == "roll.behind")
        #expect(refusal { _ = try cache.compare(number: number, head: Digest.none.hex) } == "roll.forked")
    }

    @Test func `the roll of another installation is refused at its first entry and not kept`() throws {
        let (temporary, mine, other) = (try TemporaryHome(), try Installation(), try Installation())
        var cache = try cache(temporary.home, mine)
        #expect(refusal { try cache.append(other.entries) } == "roll.other-installation")
        #expect(cache.roll.number == 0)
        #expect(try self.cache(temporary.home, mine).roll.number == 0)
    }

    @Test func `a roll that names another broker than the token is refused`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        var cache = try RollCache(temporary.home, root: world.root, broker: Installation.makeKey().publicKey)
        #expect(refusal { try cache.append(world.entries) } == "roll.other-broker")
    }

    @Test func `entries before a bad one stay, and the bad one is refused`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        var cache = try cache(temporary.home, world)
        var entries = world.entries
        entries.remove(at: 4)
        #expect(refusal { try cache.append(entries) } == "roll.gap")
        #expect(try self.cache(temporary.home, world).roll.number == 4)
    }

    @Test func `a changed byte in the file is found and its line named`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        var cache = try cache(temporary.home, world)
        try cache.append(world.entries)
        var bytes = try DurableFile.read(temporary.home.rollPath, maximumBytes: 1 << 20)
        let third = bytes.split(separator: 10, omittingEmptySubsequences: false)[2]
        let place = third.startIndex + 60
        bytes[place] = bytes[place] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
        try DurableFile.writeAtomically(bytes, to: temporary.home.rollPath)
        let error = try #require(throws: ClientError.self) { _ = try self.cache(temporary.home, world) }
        #expect(error.code == "client.file-damaged")
        #expect(error.message.contains("line 3"))
    }

    @Test func `signatures that this device has noted to have verified are not verified again`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        let (device, other) = (try Installation.makeKey(), try Installation.makeKey())
        func read(_ key: SigningKey) throws -> RollCache {
            try RollCache(temporary.home, root: world.root, broker: world.brokerKey.publicKey, device: key)
        }
        var cache = try read(device)
        try cache.append(world.entries)
        #expect(try read(device).roll.directory == world.roll.directory)
        var bytes = try DurableFile.read(temporary.home.rollPath, maximumBytes: 1 << 20)
        #expect(CheckedRoll(of: bytes, in: temporary.home, by: device.publicKey).bytes == bytes.count)

        // A signature is changed: the note is not about these bytes any more.
        let mark = Array("\"signature\":\"".utf8)
        let start = try #require(bytes.indices.last { bytes[$0...].starts(with: mark) }) + mark.count
        bytes[start] = bytes[start] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
        try DurableFile.writeAtomically(bytes, to: temporary.home.rollPath)
        #expect(refusal { _ = try read(device) } == "client.file-damaged")
        // Only a note of this very device is believed.
        try CheckedRoll.save(bytes, in: temporary.home, by: other)
        #expect(refusal { _ = try read(device) } == "client.file-damaged")
        try CheckedRoll.save(bytes, in: temporary.home, by: device)
        #expect(try read(device).roll.number == world.roll.number)
    }

    @Test func `what was noted holds for its part of the roll only, and what came later is verified`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        let device = try Installation.makeKey()
        var cache = try RollCache(temporary.home, root: world.root, broker: world.brokerKey.publicKey)
        try cache.append(Array(world.entries.prefix(3)))
        let part = try DurableFile.read(temporary.home.rollPath, maximumBytes: 1 << 20)
        try CheckedRoll.save(part, in: temporary.home, by: device)
        try cache.append(Array(world.entries.dropFirst(3)))
        let all = try DurableFile.read(temporary.home.rollPath, maximumBytes: 1 << 20)
        #expect(CheckedRoll(of: all, in: temporary.home, by: device.publicKey).bytes == part.count)
        #expect(CheckedRoll(of: Array(part.dropLast()), in: temporary.home, by: device.publicKey).bytes == 0)
        #expect(CheckedRoll(of: [], in: temporary.home, by: device.publicKey).bytes == 0)
    }

    @Test func `a shorter copy does not overwrite what another command has written`() throws {
        let (temporary, world) = (try TemporaryHome(), try Installation())
        var slow = try cache(temporary.home, world)
        var fast = try cache(temporary.home, world)
        try fast.append(world.entries)
        try slow.append(Array(world.entries.prefix(2)))
        #expect(try cache(temporary.home, world).roll.number == world.roll.number)
    }
}
