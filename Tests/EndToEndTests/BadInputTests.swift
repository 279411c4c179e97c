// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Whatever is typed wrongly or found broken: a sentence, what to do, a stable code and a documented exit status.
@Suite(.serialized, .installation())
struct BadInputTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let arguments: [String]
        let status: Int32
        let code: String
        /// A part of the sentence.
        let words: String

        init(_ arguments: String, _ status: Int32, _ code: String, _ words: String) {
            self.arguments = arguments.split(separator: " ").map { $0.replacingOccurrences(of: "_", with: " ") }
            (self.status, self.code, self.words) = (status, code, words)
        }

        var testDescription: String { arguments.joined(separator: " ") }
    }

    /// An underscore is a space inside of an argument.
    @Test(arguments: [
        Row("request --on env= --for 5m --reason a_good_enough_reason", 2, "selector.malformed", "`env=`"),
        Row("request --on env=prod, --for 5m --reason a_good_enough_reason", 2, "selector.malformed", "selector"),
        Row("request --on env=nowhere --for 5m --reason a_good_enough_reason", 4, "selector.no-node", "env=nowhere"),
        Row("request --on no-such-node --for 5m --reason a_good_enough_reason", 4, "selector.no-node", "no-such-node"),
        Row("request --on db-1 --for 5x --reason a_good_enough_reason", 2, "duration.malformed", "`5x`"),
        Row("request --on db-1 --for -5m --reason a_good_enough_reason", 2, "", "-5m"),
        Row("request --on db-1 --for 0s --reason a_good_enough_reason", 3, "duration.too-short", "0s"),
        Row("request --on db-1 --for 5h --reason a_good_enough_reason", 3, "duration.too-long", "4h"),
        Row("request --on db-1 --for 99999999999999999999h --reason a_good_enough_reason", 2, "duration.malformed", "9999"),
        Row("request --on db-1 --for 5m --reason ____________", 3, "reason.too-short", "empty"),
        Row("request --on db-1 --for 5m --reason short", 3, "reason.too-short", "5 characters"),
        Row("request --on db-1 --for 5m --reason tab\tand_more_words", 3, "reason.control-character", "U+0009"),
        Row("request --on db-1 --for 5m --reason a_good_enough_reason --as Root!", 2, "", "Root!"),
        Row("request --on db-1 --for 5m --reason a_good_enough_reason --entitlement other", 3, "policy.", "other"),
        Row("request --on db-1 --for 5m --reason a_good_enough_reason --capabilities fly", 2, "capability.unknown", "`fly`"),
        Row("shell no-such-node", 4, "selector.no-node", "no-such-node"),
        Row("exec db-1", 2, "usage.", "CMD"),
        Row("approve r-000000 --yes", 4, "request.not-found", "r-000000"),
        Row("approve nonsense --yes", 2, "id.malformed", "`nonsense`"),
        Row("show s-000000", 4, "session.not-found", "s-000000"),
        Row("replay s-000000", 4, "session.not-found", "s-000000"),
        Row("revoke g-000000", 4, "grant.not-found", "g-000000"),
        Row("join nonsense", 2, "token.malformed", "token"),
        Row("frobnicate", 2, "usage.", "frobnicate"),
        Row("reqest", 2, "usage.", "request"),
        Row("requests --stat pending", 2, "usage.", "--state"),
        Row("request", 2, "usage.", "--on"),
        Row("disable person nobody-here --reason a_good_enough_reason", 3, "person.not-an-administrator", "oncall"),
        Row("invite person new --groups approvers", 3, "person.not-an-administrator", "oncall"),
    ])
    func `what is typed wrongly is explained`(row: Row) async throws {
        let here = try Installation.here
        let home = ["STINT_HOME": here.home(of: "oncall")]
        let told = try await here.run(Programs.stint, row.arguments, environment: home)
        expect(told, row.status, "", row.words)
        #expect(told.output.isEmpty)
        let forScripts = try await here.run(Programs.stint, ["--json"] + row.arguments, environment: home)
        let failure = try JSONDecoder().decode(Failure.self, from: Data(forScripts.errors.utf8)).error
        #expect(forScripts.status == row.status && failure.code.hasPrefix(row.code), "\(failure)")
        #expect((failure.message + (failure.hint ?? "")).contains(row.words), "\(failure)")
    }

    private struct Failure: Decodable {
        struct Error: Decodable {
            let code: String
            let message: String
            let hint: String?
        }

        let error: Error
    }

    // MARK: Tokens

    @Test func `a token that was damaged, or used, or is too old is refused`() async throws {
        let here = try Installation.here
        let token = try await here.stint(as: "admin", "invite", "person", "newcomer", "--groups", "guests").checked().text
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let damaged = token.prefix(60) + (token.dropFirst(60).first == "A" ? "B" : "A") + token.dropFirst(61)
        expect(try await here.stint(as: "new-1", "join", String(damaged)), 2, "token.damaged", "token")
        try await here.stint(as: "new-2", "join", token).checked()
        expect(try await here.stint(as: "new-3", "join", token), 5, "invitation.not-accepted", "used")
        let short = try await here.stint(as: "admin", "invite", "person", "latecomer", "--valid-for", "1s").checked().text
        try await Task.sleep(for: .milliseconds(1100))
        expect(try await here.stint(as: "new-4", "join", short.trimmingCharacters(in: .newlines)), 5, "token.expired", "")
        #expect(try await here.stint(as: "new-2", "whoami").status == 0)
    }

    @Test func `a node's token makes nobody a person`() async throws {
        let here = try Installation.here
        let token = try await here.stint(as: "admin", "invite", "node", "db-9").checked().text
        let outcome = try await here.stint(as: "new-5", "join", token.trimmingCharacters(in: .newlines))
        expect(outcome, 2, "token.wrong-kind", "node")
    }

    // MARK: Files

    @Test func `a device key that others can read is not used`() async throws {
        let here = try Installation.here
        let key = here.home(of: "stranger") + "/device.key"
        #expect(chmod(key, 0o644) == 0)
        let outcome = try await here.stint(as: "stranger", "whoami")
        expect(outcome, 7, "system.open-to-others", "device.key")
        #expect(outcome.errors.contains("chmod"))
        #expect(chmod(key, 0o600) == 0)
        #expect(try await here.stint(as: "stranger", "whoami").status == 0)
    }

    @Test func `a home that nobody joined with says how to join`() async throws {
        expect(try await Installation.here.stint(as: "nobody-joined", "nodes"), 7, "client.not-joined", "stint join")
    }

    @Test func `a broker's key that others can read is not used`() async throws {
        let here = try Installation.here
        let (home, _) = try await newBroker(in: here, "readable", at: "127.0.0.1:1")
        #expect(chmod(home + "/broker.key", 0o640) == 0)
        expect(try await here.run(Programs.stintd, ["serve", "--home", home]), 1, "", "broker.key")
    }

    // MARK: Network

    @Test func `a broker whose port is in use, or whose home is served already, says so`() async throws {
        let here = try Installation.here
        let (home, _) = try await newBroker(in: here, "second", at: here.address)
        expect(try await here.run(Programs.stintd, ["serve", "--home", home]), 6, "", "is in use")
        let again = try await here.run(Programs.stintd, ["serve", "--home", here.brokerHome])
        expect(again, 1, "", "serve.lock")
    }

    @Test func `a broker that is away is told from one that refuses`() async throws {
        let here = try Installation.here
        try await here.stopBroker()
        for arguments in [["nodes"], ["shell", "db-1"], ["request", "--on", "db-1", "--for", "5m", "--reason", "a good enough reason"]] {
            let outcome = try await here.run(Programs.stint, arguments, environment: ["STINT_HOME": here.home(of: "oncall")])
            expect(outcome, 6, "transport.unreachable", here.address)
        }
        try await here.startBroker()
        #expect(try await here.stint(as: "oncall", "nodes").status == 0)
    }

    @Test func `a node that is away is told from one that there is not`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            try await here.killAgent("db-1")
            let outcome = try await here.exec("true")
            expect(outcome, 6, "node.not-connected", "db-1")
        }
    }

    @Test func `a full disk stops what is new, and loses nothing`() async throws {
        guard Programs.isRoot else { return }  // only root can make a small disk
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.stopBroker()
            let disk = try await SmallDisk(here)
            do {
                try await here.startBroker()
                try await here.awaitNode()
                #expect(try await here.exec("true").status == 0)
                try disk.fill()
                let refused = try await eventually("a refusal", within: .seconds(30)) {
                    let outcome = try await here.stint(
                        as: "oncall", "request", "--on", "db-1", "--for", "5m",
                        "--reason", "a good enough reason \(UInt32.random(in: 0 ... .max))")
                    return outcome.status == 0 ? nil : outcome
                }
                expect(refused, 6, "storage.full", "disk")
                disk.clear()
                _ = try await here.request()
                #expect(try await here.show(grant: grant).state == "active")
                try await here.verifyLedger()
                try await here.stopBroker()
                try await disk.remove()
            } catch {
                try? await here.stopBroker()
                try await disk.remove()
                throw error
            }
        }
    }

    @Test func `a recording that cannot be written ends its session, and nothing is shown that is not in it`() async throws {
        guard Programs.isRoot else { return }  // only root can make a small disk
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.stopBroker()
            let disk = try await SmallDisk(here)
            do {
                try await here.startBroker()
                try await here.awaitNode()
                let outcome = try await here.exec("sh", "-c", "yes | head -c 50331648; sleep 60")
                #expect(outcome.status == 255)
                #expect(outcome.errors.contains("could not be recorded any more") && outcome.errors.contains("No space left"), "\(outcome.errors)")
                let id = try #require(try await here.sessions(of: grant).first?.id)
                let path = "\(here.brokerHome)/recordings/\(id).cast"
                let text = try String(contentsOfFile: path, encoding: .utf8)
                // The last line may be torn.
                let whole = text.prefix(through: try #require(text.lastIndex(of: "\n")))
                let recorded = try Asciicast(String(whole)).output.utf8.count
                let shown = outcome.output.count
                #expect(shown <= recorded && shown > 65_536, "\(shown) bytes shown, \(recorded) recorded")
                // Room for the receipt.
                try FileManager.default.removeItem(atPath: path)
                // It is free when whoever reads the file has closed it: the index, at low priority.
                let session = try await eventually("the receipt", within: .seconds(60)) {
                    let session = try await here.show(session: id)
                    return session.state == "ended" ? session : nil
                }
                #expect(session.endReason == "recorder-failed" && session.receipt?.left == 0)
                try await here.stopBroker()
                try await disk.remove()
            } catch {
                try? await here.stopBroker()
                try await disk.remove()
                throw error
            }
        }
    }

    @Test func `a broker that may have too few files open says so`() async throws {
        let here = try Installation.here
        let (home, _) = try await newBroker(in: here, "narrow", at: "127.0.0.1:9")
        for limit in [8, 12, 16] {
            let outcome = try await here.run("/bin/sh", ["-c", "ulimit -n \(limit); exec \(Programs.stintd) serve --home \(home)"])
            // Which of the two codes depends on whose turn it is at the last descriptor.
            let code = outcome.errors.contains("system.emfile") ? "system.emfile" : "storage.too-many-files"
            expect(outcome, 1, code, "ulimit -n")
        }
    }

    @Test(arguments: [Programs.stint, Programs.stintd, Programs.agent])
    func `a program that cannot read its own arguments does not take that for none`(_ program: String) async throws {
        let here = try Installation.here
        let trace = here.scratch("trace")
        try await here.run("/usr/bin/strace", ["-f", "-qq", "-e", "trace=openat", "-o", trace, program, "--version"]).checked()
        let calls = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
        let number = try #require(calls.firstIndex { $0.contains("/proc/self/maps") }) + 1
        let outcome = try await here.run(
            "/usr/bin/strace",
            ["-f", "-qq", "-e", "trace=openat", "-e", "inject=openat:error=EMFILE:when=\(number)", "-o", "/dev/null", program, "--version"])
        expect(outcome, 1, "usage.no-arguments", "ulimit -n")
    }

    // MARK: -

    private func newBroker(in here: Installation, _ name: String, at address: String) async throws -> (home: String, token: String) {
        let home = here.directory + "/" + name
        let policy = try here.file("policy.json5", TestPolicy.text([:]))
        let token = try await here.run(Programs.stintd, ["init", "--home", home, "--address", address, "--policy", policy])
        return (home, try token.checked().text)
    }

    private func expect(
        _ outcome: Outcome, _ status: Int32, _ code: String, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: sourceLocation)
        let lines = outcome.errors.split(separator: "\n")
        let isSentence = lines.first.map { $0.contains(": error: ") && ($0.contains(". ") || $0.hasSuffix(".") || $0.hasSuffix(")")) }
        #expect(isSentence == true, "\(outcome.errors)", sourceLocation: sourceLocation)
        // Foundation finds an empty text nowhere.
        for part in [code, words] where !part.isEmpty {
            #expect(outcome.errors.contains(part), "\(outcome.errors)", sourceLocation: sourceLocation)
        }
    }
}

/// A disk of sixteen mebibytes under the broker's home, of which the broker may use all but one.
private struct SmallDisk {
    private let here: Installation
    private var filler: String { here.brokerHome + "/filler" }

    init(_ here: Installation) async throws {
        self.here = here
        let copy = here.directory + "/copy"
        try await here.run("/bin/cp", ["-a", here.brokerHome, copy]).checked()
        try await here.run("/bin/mount", ["-t", "tmpfs", "-o", "size=16m,mode=700", "stint-test", here.brokerHome]).checked()
        try await here.run("/bin/cp", ["-a", copy + "/.", here.brokerHome]).checked()
        _ = try here.file("broker/settings.json5", #"{ recordings: { leaveFree: "1MiB" } }"#)
    }

    /// Leaves no byte.
    func fill() throws {
        let file = open(filler, O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        let zeros = [UInt8](repeating: 0, count: 4096)
        while write(file, zeros, zeros.count) > 0 {}
    }

    func clear() { unlink(filler) }

    func remove() async throws { try await here.run("/bin/umount", ["--lazy", here.brokerHome]).checked() }
}
