// SPDX-License-Identifier: Apache-2.0

import Evidence
import Foundation
import Posix
import StrictJSON
import Testing

@testable import Access
@testable import Agent

/// An account of this machine, made as for a grant that is over by now.
private struct Leaving {
    let name: String
    let directory: TemporaryDirectory
    let provision: Provision

    init(_ tag: String, sudo: [String]? = nil) throws {
        name = "stint-\(tag)-\(getpid())"
        directory = try TemporaryDirectory()
        provision = Provision(
            request: try Digest(of: Array(name.utf8)), grant: try GrantID("g-7k2p9x"), user: try RunAsName(user: name),
            account: .init(home: .wipe, groups: [try RunAsName(user: "games")]), sudo: sudo,
            notAfter: Timestamp(milliseconds: 1_700_000_000_000))
        try #require(run("/usr/sbin/useradd", "--create-home", "--groups", "games", name) == 0)
        // A home is never empty.
        try Data("x".utf8).write(to: URL(fileURLWithPath: "/home/\(name)/kept"))
    }

    var provisions: Provisions { Provisions(directory.path, grants: GrantMemory(directory.path + "/grants")) }

    /// What the agent does in one look, when no session lives.
    func look() throws {
        try provisions.clean(at: GrantMemory.Moment(wall: .now, boot: 0, bootID: "a")) { [] }
    }

    func save(_ provision: Provision) throws {
        let path = directory.path + "/" + provision.request.hex + ".json"
        try DurableFile.writeAtomically(Array((provision.json.text + "\n").utf8), to: path)
    }

    /// Lines and files of this machine in which the name still stands.
    var traces: [String] {
        var found: [String] = ["/home/" + name, "/var/mail/" + name].filter { FileManager.default.fileExists(atPath: $0) }
        for path in ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid"] {
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            found += text.split(separator: "\n").filter { $0.contains(name) }.map { "\(path): \($0)" }
        }
        return found
    }

    var remembered: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).filter { $0.hasSuffix(".json") } }
}

@discardableResult
private func run(_ path: String, _ arguments: String...) -> Int32 {
    let process = Foundation.Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    do { try process.run() } catch { return -1 }
    process.waitUntilExit()
    return process.terminationStatus
}

/// Removals that were cut off, with the programs and files of this machine. One at a time: useradd(8) and userdel(8) lock them.
@Suite(.serialized, .enabled(if: geteuid() == 0 && access("/usr/bin/strace", X_OK) == 0, "root makes accounts, and strace kills"))
struct ProvisionsTests {
    /// The system calls by which userdel(8) changes something, and which of them it does not survive.
    static let deaths: [(call: String, number: Int)] =
        (1...6).map { ("rename", $0) } + (1...5).map { ("unlinkat", $0) } + (7...12).map { ("unlink", $0) }

    @Test(arguments: deaths)
    func `a removal of which userdel was killed anywhere is finished by the next look`(_ call: String, _ number: Int) throws {
        let leaving = try Leaving("\(call)\(number)")
        try leaving.provisions.beginRemoval(leaving.provision, of: try User.named(leaving.name))
        run("/usr/bin/strace", "-f", "-o", "/dev/null", "-e", "inject=\(call):signal=KILL:when=\(number)", "/usr/sbin/userdel", "--remove", leaving.name)
        try leaving.look()
        #expect(leaving.traces.isEmpty)
        #expect(leaving.remembered.isEmpty)
    }

    @Test func `a removal that was not begun, or was done before it could be noted, is done`() throws {
        let whole = try Leaving("whole")
        try whole.save(whole.provision)
        try whole.look()
        #expect(whole.traces.isEmpty && whole.remembered.isEmpty)

        let gone = try Leaving("gone")
        try gone.provisions.beginRemoval(gone.provision, of: try User.named(gone.name))
        run("/usr/sbin/userdel", "--remove", gone.name)
        try gone.look()
        #expect(gone.traces.isEmpty && gone.remembered.isEmpty)
    }

    @Test func `a home that was to be kept is kept by a removal that is finished later`() throws {
        let leaving = try Leaving("keep")
        defer { run("/bin/rm", "-rf", "/home/" + leaving.name) }
        var kept = leaving.provision
        kept = Provision(
            request: kept.request, grant: kept.grant, user: kept.user, account: .init(home: .keep, groups: []), sudo: nil, notAfter: kept.notAfter)
        try leaving.provisions.beginRemoval(kept, of: try User.named(leaving.name))
        run("/usr/bin/strace", "-f", "-o", "/dev/null", "-e", "inject=rename:signal=KILL:when=2", "/usr/sbin/userdel", leaving.name)
        try leaving.look()
        #expect(leaving.traces == ["/home/" + leaving.name] && leaving.remembered.isEmpty)
    }

    @Test func `a number that somebody else has got costs them nothing`() throws {
        let leaving = try Leaving("taken")
        let uid = try User.named(leaving.name).uid
        try leaving.provisions.beginRemoval(leaving.provision, of: try User.named(leaving.name))
        run("/usr/bin/strace", "-f", "-o", "/dev/null", "-e", "inject=rename:signal=KILL:when=2", "/usr/sbin/userdel", "--remove", leaving.name)
        let heir = "stint-heir-\(getpid())"
        try #require(run("/usr/sbin/useradd", "--no-create-home", "--uid", String(uid), heir) == 0)
        defer {
            run("/usr/sbin/userdel", heir)
            run("/bin/rm", "-rf", "/home/" + leaving.name)
        }
        try leaving.look()
        #expect(leaving.traces.allSatisfy { $0 == "/home/" + leaving.name } && leaving.remembered.isEmpty)
        #expect(try User.named(heir).uid == uid)
    }

    @Test func `a rule for sudo that was half written, or half removed, is gone after the next look`() throws {
        try #require(access("/etc/sudoers.d", W_OK) == 0)
        let directory = try TemporaryDirectory()
        let provision = Provision(
            request: try Digest(of: Array("sudo".utf8)), grant: try GrantID("g-zzzzz7"), user: try RunAsName(user: "nobody"), account: nil,
            sudo: ["ALL"], notAfter: Timestamp(milliseconds: 1_700_000_000_000))
        let torn = provision.sudoersPath + ".0011223344556677.new"
        for path in [provision.sudoersPath, torn] { try DurableFile.writeAtomically(Array(provision.sudoers.utf8), to: path, mode: 0o440) }
        let path = directory.path + "/" + provision.request.hex + ".json"
        try DurableFile.writeAtomically(Array(provision.json.text.utf8), to: path)
        let provisions = Provisions(directory.path, grants: GrantMemory(directory.path + "/grants"))
        try provisions.clean(at: GrantMemory.Moment(wall: .now, boot: 0, bootID: "a")) { [] }
        for path in [provision.sudoersPath, torn, path] {
            let isThere = FileManager.default.fileExists(atPath: path)
            #expect(!isThere, "\(path)")
        }
    }
}
