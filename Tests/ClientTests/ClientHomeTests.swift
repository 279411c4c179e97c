// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Foundation
import Posix
import StrictJSON
import Testing

@testable import Client

@Suite struct ClientHomeTests {
    private func path(_ given: String?, _ variables: [String: String]) throws -> String {
        try ClientHome(given: given) { variables[$0] }.path
    }

    @Test func `the option wins over STINT_HOME, that over XDG_CONFIG_HOME, that over HOME`() throws {
        var variables = ["STINT_HOME": "/s", "XDG_CONFIG_HOME": "/x", "HOME": "/h"]
        #expect(try path("/o", variables) == "/o")
        #expect(try path(nil, variables) == "/s")
        variables["STINT_HOME"] = ""
        #expect(try path(nil, variables) == "/x/stint")
        variables["XDG_CONFIG_HOME"] = "relative"
        #expect(try path(nil, variables) == "/h/.config/stint")
        variables["HOME"] = nil
        #expect(refusal { _ = try path(nil, variables) } == "client.no-home")
    }

    @Test func `a key is made once, private, and read again`() throws {
        let temporary = try TemporaryHome()
        let first = try SigningKey(seed: temporary.home.seedForJoining()).publicKey
        let again = try SigningKey(seed: temporary.home.seedForJoining()).publicKey
        #expect(first == again)
        let mode = try FileManager.default.attributesOfItem(atPath: temporary.home.keyPath)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func `a key that others can read is refused with the command that helps, and status 7`() throws {
        let temporary = try TemporaryHome()
        _ = try temporary.home.seedForJoining()
        #expect(chmod(temporary.home.keyPath, 0o640) == 0)
        let error = try #require(throws: SystemError.self) { _ = try temporary.home.seed() }
        let failure = Failures.explain(error)
        #expect(failure.status == 7)
        #expect(failure.hint == "Run: chmod 600 \(temporary.home.keyPath)")
    }

    @Test(arguments: [
        "", "00", String(repeating: "g", count: 64), String(repeating: "A", count: 64),
        String(repeating: "0", count: 65),
    ])
    func `a damaged key is refused`(_ text: String) throws {
        let temporary = try TemporaryHome()
        try DurableFile.writeAtomically(Array(text.utf8), to: temporary.home.keyPath)
        #expect(refusal { _ = try temporary.home.seed() } == "client.key-damaged")
    }

    @Test func `a home without anything says how to join`() throws {
        let temporary = try TemporaryHome()
        #expect(refusal { _ = try temporary.home.identity() } == "client.not-joined")
        #expect(refusal { _ = try temporary.home.seed() } == "client.not-joined")
    }

    @Test func `an identity is read as it was written, and not with a field too many`() throws {
        let temporary = try TemporaryHome()
        let world = try Installation()
        let identity = Identity(
            person: try PersonName("bob"), device: try world.key("bob").publicKey, label: "laptop", broker: "b:1",
            pin: world.brokerKey.publicKey, root: world.root)
        try temporary.home.save(identity)
        #expect(try temporary.home.identity() == identity)
        let text = identity.json.text.dropLast() + ",\"more\":1}"
        try DurableFile.writeAtomically(Array(text.utf8), to: temporary.home.identityPath)
        #expect(refusal { _ = try temporary.home.identity() } == "client.file-damaged")
    }
}
