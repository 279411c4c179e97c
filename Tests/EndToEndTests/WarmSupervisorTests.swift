// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// The process that supervisors are copies of.
struct WarmSupervisorTests {
    private func process(of here: Installation) -> ProcessTable.Entry? {
        ProcessTable.all().first { $0.commandLine.hasPrefix("stint-agent\0warm-copy\0\(here.directory)/") }
    }

    @Test func `a supervisor is a copy of it and the agent's own child, has its pages, and ends without it`() async throws {
        try await Installation.with { here in
            let warm = try await eventually("the warm process") { process(of: here) }
            let session = try await here.markedShell()
            let supervisor = try #require(here.supervisors.first { $0.commandLine.contains(session.id) })
            #expect(supervisor.parent == warm.parent && supervisor.pid != warm.pid)
            // A layout of its own comes with each start of a program, so the same one is a copy's.
            if Programs.isRoot {
                let start = { (pid: pid_t) in ProcessTable.text(pid, "maps")?.split(separator: "\n").first.map { String($0.prefix { $0 != " " }) } }
                #expect(start(supervisor.pid) != nil && start(supervisor.pid) == start(warm.pid))
            }
            #expect(kill(warm.pid, SIGKILL) == 0)
            try await here.stint(as: "lead", "end", session.id).checked()
            try await here.expectNothingLeft(of: session, reason: "ended")
        }
    }

    @Test func `sessions open when it is gone or stands still, and there is another one`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            let first = try await eventually("the warm process") { process(of: here) }
            #expect(kill(first.pid, SIGKILL) == 0)
            for word in ["one", "two", "three"] { #expect(try await here.exec("echo", word).checked().text == word + "\n") }
            let second = try await eventually("another one") { process(of: here).flatMap { $0.pid == first.pid ? nil : $0 } }
            #expect(kill(second.pid, SIGSTOP) == 0)
            for word in ["four", "five"] { #expect(try await here.exec("echo", word).checked().text == word + "\n") }
            #expect(here.log(of: "db-1").contains("no copy of a warm supervisor"))
            // One that stands still is ended, not left.
            try await eventually("its end") { !ProcessTable.all().contains { $0.pid == second.pid } }
        }
    }

    @Test(.enabled(if: Programs.isRoot, "only root sees what others have open"))
    func `the next supervisor connects while a session is decided on, and is still the next where that is refused`() async throws {
        let more = #"preferences: [{ name: "people", nodes: "*", minimumUserID: 1 }],"#
        try await Installation.with(.init(policy: more)) { here in
            let spare = try await eventually("the next supervisor") { here.supervisors.first }
            let reader = try await eventually("its reader") { ProcessTable.all().first { $0.parent == spare.pid } }
            let sockets = { () -> Int in
                let folder = "/proc/\(reader.pid)/fd"
                return try FileManager.default.contentsOfDirectory(atPath: folder).filter {
                    // What was closed meanwhile has no name.
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + $0))?.hasPrefix("socket:") ?? false
                }.count
            }
            let before = try sockets()
            _ = try await here.grant(runAs: "root")
            let refused = try await here.exec("id")
            #expect(refused.status != 0 && refused.errors.contains("run-as.below-minimum"), "\(refused)")
            try await eventually("a connection") { try sockets() == before + 1 }
            // Nobody uses it.
            try await eventually("its end") { try sockets() == before }
            let session = try await here.markedShell()
            #expect(here.supervisors.first { $0.commandLine.contains(session.id) }?.pid == spare.pid)
            try await here.stint(as: "lead", "end", session.id).checked()
            try await here.expectNothingLeft(of: session, reason: "ended")
        }
    }

    @Test func `it ends with its agent, and sessions do not`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell()
            let first = try await eventually("the warm process") { process(of: here) }
            try await here.killAgent("db-1")
            try await eventually("its end") { () -> Bool in !ProcessTable.all().contains { $0.pid == first.pid && $0.commandLine == first.commandLine } }
            #expect(here.supervisors.contains { $0.commandLine.contains(session.id) })
            try await here.startAgent("db-1")
            try await here.stint(as: "lead", "end", session.id).checked()
            try await here.expectNothingLeft(of: session, reason: "ended")
        }
    }
}
