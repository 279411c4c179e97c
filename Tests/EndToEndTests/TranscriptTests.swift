// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

private enum TranscriptPolicy {
    static let rules = [
        "capabilities": #"["shell", "exec", "exec:tail-log", "copy", "ssh", "forward:127.0.0.1:9"]"#,
        "breakGlass": #"{ perMonth: 2, maximumDuration: "30m", reviewers: ["group:security"] }"#,
        "scheduledStart": #""7d""#, "extension": #"{ count: 2, maximum: "20m", total: "1h" }"#,
        "fields": #"[{ name: "impact", type: "yesNo", required: false }]"#,
    ]
    static let policy = """
          forbid: [{ name: "no-nobody", nodes: "*", runAs: ["nobody"] }],
          documents: [
            { name: "tail-log", version: 1, summary: "The end of a log", command: ["/usr/bin/tail", "-n", "${lines}", "--", "${file}"],
              parameters: { lines: { minimum: 1, maximum: 9, default: "1" }, file: { below: "/var/log/" } } },
          ],

        """
}

/// Every command, every exit status and every refusal as somebody at a shell sees them. `deploy/transcripts` writes them
/// anew; what changed is then read as a diff.
@Suite(.serialized, .installation(.init(rules: TranscriptPolicy.rules, policy: TranscriptPolicy.policy)))
struct TranscriptTests {
    /// Set by `deploy/transcripts` alone: then what is shown is written down instead of compared.
    private static let isRecording = ProcessInfo.processInfo.environment["STINT_TRANSCRIPTS"] == "record"

    @Test func `every command shows what its transcript says, line by line`() async throws {
        guard Programs.isRoot else { return }  // they run as the account of the tests on the node
        let here = try Installation.here
        for var transcript in try Transcript.all() {
            let shell = try TranscriptShell(here)
            var placeholders = Placeholders(directory: here.directory, address: here.address)
            for (index, part) in transcript.parts.enumerated() {
                guard case .step(let expected) = part else { continue }
                var step = expected
                do {
                    let outcome = try await shell.run(placeholders.resolved(step.command), as: step.who)
                    step.output = placeholders.lines(outcome.text, typed: step.command)
                    step.errors = placeholders.lines(outcome.errors, typed: step.command)
                    step.status = outcome.status
                } catch {
                    Issue.record("\(transcript.name):\(step.line): \(error)")
                }
                transcript.parts[index] = .step(step)
                if !Self.isRecording { compare(step, with: expected, in: transcript.name) }
            }
            if Self.isRecording { try transcript.write() }
        }
    }

    private func compare(_ found: Transcript.Step, with expected: Transcript.Step, in name: String) {
        guard found.text != expected.text else { return }
        let difference = found.text.difference(from: expected.text).map { change in
            switch change {
            case .remove(_, let line, _): "-\(line)"
            case .insert(_, let line, _): "+\(line)"
            }
        }
        Issue.record("\(name):\(expected.line): \(expected.command)\n\(difference.joined(separator: "\n"))")
    }
}

/// Runs command lines as somebody types them, in a folder where files of theirs may lie.
private struct TranscriptShell {
    private let here: Installation
    private let folder: String

    init(_ here: Installation) throws {
        self.here = here
        folder = here.directory + "/work"
        try? FileManager.default.removeItem(atPath: folder)  // the first transcript has none to remove
        try FileManager.default.copyItem(atPath: Transcript.directory + "/files", toPath: folder)
    }

    func run(_ command: String, as who: String) async throws -> Outcome {
        let home =
            switch who {
            case "broker": here.brokerHome
            default: who.hasPrefix("db-") ? here.home(ofNode: who) : here.home(of: who)
            }
        let programs = String(Programs.stint.dropLast("/stint".utf8.count))
        return try await here.run(
            "/bin/sh", ["-c", "cd \(folder) && \(Self.prelude)\n\(command)"],
            environment: ["STINT_HOME": home, "PATH": "\(programs):/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "TZ": "UTC"],
            within: .seconds(20))
    }

    /// `eventually WORDS COMMAND`: runs the command until it shows the words, for ten seconds at most.
    private static let prelude = """
        eventually() { for i in $(seq 200); do if eval "$2" 2>&1 | grep -q -e "$1"; then return; fi; sleep 0.05; done; return 1; }
        """
}
