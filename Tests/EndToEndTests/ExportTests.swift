// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The ledger in other programs: files, and the real rsyslog over TLS.
@Suite(.serialized)
struct ExportTests {
    private func export(_ here: Installation, _ arguments: String...) async throws -> Outcome {
        try await here.run(Programs.stintd, ["export", "--once", "--home", here.brokerHome] + arguments)
    }

    private func lines(_ path: String) -> [Substring] {
        ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
    }

    @Test func `a file gets every entry once, and later only what is new`() async throws {
        try await Installation.with { here in
            let file = here.directory + "/ledger.cef"
            try await export(here, "--format", "cef", "--to", file, "--cursor", "cef").checked()
            let first = lines(file).count
            #expect(first > 10 && lines(file).allSatisfy { $0.hasPrefix("CEF:0|Stint|") })
            _ = try await here.request()
            try await export(here, "--format", "cef", "--to", file, "--cursor", "cef").checked()
            try await export(here, "--format", "cef", "--to", file, "--cursor", "cef").checked()
            #expect(lines(file).count == first + 1)
            #expect(try await here.run(Programs.stintd, ["status", "--home", here.brokerHome]).text.contains("`cef` is 0 entries behind"))
            // Another cursor begins at the beginning; JSON is what the client writes, too.
            let json = try await export(here, "--cursor", "json").checked().text
            #expect(json == (try await here.stint(as: "lead", "ledger", "export").checked().text))
            let same = try await here.stint(as: "lead", "ledger", "export", "--format", "cef").checked().text
            #expect(same == (try String(contentsOfFile: file, encoding: .utf8)))
            for name in ["../x", "a/b", ""] { #expect(try await export(here, "--cursor", name).status != 0) }
        }
    }

    @Test func `a ledger that was set back is not sent on as if nothing had been`() async throws {
        try await Installation.with { here in
            let backup = here.directory + "/backup.db"
            try await here.run(Programs.stintd, ["backup", backup, "--home", here.brokerHome]).checked()
            _ = try await here.request()
            try await export(here).checked()
            try await here.stopBroker()
            try await here.run(Programs.stintd, ["restore", backup, "--set-back", "--home", here.brokerHome]).checked()
            let refused = try await export(here)
            #expect(refused.status == 1 && refused.errors.contains("it was set back"))
        }
    }

    @Test(.enabled(if: Collector.isInstalled))
    func `rsyslog gets all of it over TLS, also what was shown to nobody while it was away`() async throws {
        try await Installation.with { here in
            let collector = try await Collector(here)
            try await collector.start()
            try await export(here, collector.arguments).checked()
            let count = try await here.sql("SELECT count(*) FROM ledger").trimmingCharacters(in: .whitespacesAndNewlines)
            try await eventually("the messages in rsyslog's file") { String(collector.received.count) == count }
            let first = try #require(collector.received.first)
            #expect(first.contains("hash=") && first.contains("number=\\\"1\\\""), "\(first)")
            // Gone, nothing moves on; back, nothing is missing.
            try await collector.stop()
            _ = try await here.request()
            #expect(try await export(here, collector.arguments).status == 1)
            try await collector.start()
            try await export(here, collector.arguments).checked()
            try await eventually("the last message") { collector.received.count == Int(count).map { $0 + 1 } }
        }
    }

    @Test(.enabled(if: Collector.isInstalled))
    func `a collector that nobody vouches for, or with another name, gets nothing`() async throws {
        try await Installation.with { here in
            let collector = try await Collector(here)
            try await collector.start()
            for (replaced, value) in [("--name", "other.test"), ("--authority", collector.otherAuthority)] {
                var arguments = collector.arguments
                arguments[try #require(arguments.firstIndex(of: replaced)) + 1] = value
                #expect(try await export(here, arguments).status == 1, "\(replaced)")
            }
            // Without a certificate of ours the collector refuses, after the handshake.
            let unknown = try await export(here, Array(collector.arguments.prefix(6)))
            #expect(unknown.status == 1, "\(unknown.status) \(unknown.text) \(unknown.errors)")
            #expect(collector.received.isEmpty)
        }
    }

    private func export(_ here: Installation, _ arguments: [String]) async throws -> Outcome {
        try await here.run(Programs.stintd, ["export", "--once", "--home", here.brokerHome] + arguments)
    }
}

/// The real rsyslog, with certificates of an authority of its own.
private final class Collector: Sendable {
    private static let program = "/usr/sbin/rsyslogd"
    static var isInstalled: Bool {
        FileManager.default.isExecutableFile(atPath: program)
            && ["/usr/lib/x86_64-linux-gnu/rsyslog", "/usr/lib/aarch64-linux-gnu/rsyslog"].contains {
                FileManager.default.fileExists(atPath: $0 + "/lmnsd_ossl.so")
            }
    }

    private let here: Installation
    private let directory: String
    private let port: Int
    var otherAuthority: String { directory + "/other.pem" }
    var received: [String] {
        ((try? String(contentsOfFile: directory + "/received", encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    /// `--to`, `--authority` and `--name` come first.
    var arguments: [String] {
        [
            "--to", "127.0.0.1:\(port)", "--authority", directory + "/ca.pem", "--name", "collector.test",
            "--certificate", directory + "/me.pem", "--key", directory + "/me.key",
        ]
    }

    init(_ here: Installation) async throws {
        self.here = here
        directory = here.directory + "/collector"
        port = 20000 + Int.random(in: 0..<20000)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let script = """
            set -e; cd \(directory)
            authority() { openssl req -x509 -newkey rsa:2048 -nodes -keyout $1.key -out $1.pem -subj /CN=$1 -days 2; }
            leaf() { openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj /CN=$2
              printf 'subjectAltName=DNS:%s\\nextendedKeyUsage=serverAuth,clientAuth\\n' $2 >ext
              openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem -days 2 -extfile ext; }
            authority ca; authority other; leaf collector collector.test; leaf me stintd.test
            """
        try await here.run("/bin/sh", ["-c", script]).checked()
        let configuration = """
            global(workDirectory="\(directory)" defaultNetstreamDriverCAFile="\(directory)/ca.pem"
              defaultNetstreamDriverCertFile="\(directory)/collector.pem" defaultNetstreamDriverKeyFile="\(directory)/collector.key")
            module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer="stintd.test")
            template(name="line" type="list" option.jsonf="on") {
              property(outname="data" name="structured-data" format="jsonf") property(outname="msg" name="msg" format="jsonf") }
            template(name="out" type="string" string="%structured-data:::json% %msg:::json%\\n")
            input(type="imtcp" address="127.0.0.1" port="\(port)")
            action(type="omfile" file="\(directory)/received" template="out")
            """
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: directory + "/rsyslog.conf"))
    }

    func start() async throws {
        let script = "\(Self.program) -f \(directory)/rsyslog.conf -i \(directory)/pid"
        try await here.run("/bin/sh", ["-c", script]).checked()
        try await eventually("rsyslog") {
            let probe = try await here.run("/bin/bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"])
            return probe.status == 0
        }
    }

    func stop() async throws {
        guard let text = try? String(contentsOfFile: directory + "/pid", encoding: .utf8),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else { return }
        kill(pid, SIGTERM)
        try await eventually("rsyslog's end") { kill(pid, 0) != 0 }
        unlink(directory + "/pid")
    }

    deinit {
        guard let text = try? String(contentsOfFile: directory + "/pid", encoding: .utf8),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
        else { return }
        kill(pid, SIGTERM)
    }
}
