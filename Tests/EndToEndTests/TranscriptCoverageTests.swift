// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// That the transcripts are complete is held here, not hoped.
@Suite struct TranscriptCoverageTests {
    private static let executables = [Programs.stint, Programs.stintd, Programs.agent]
    private static let names = executables.map { ($0 as NSString).lastPathComponent }

    /// What was called somewhere, with the exit statuses that followed.
    private struct Seen {
        var options: [String: Set<String>] = [:]
        var statuses: [String: Set<Int32>] = [:]
        var codes: Set<String> = []
    }

    private func seen() throws -> Seen {
        var seen = Seen()
        let declared = try Self.executables.map { try DeclaredCommands.of($0) }
        for step in try Transcript.all().flatMap(\.steps) {
            let calls = ShellLine.calls(in: step.command, of: Self.names)
            for words in calls {
                for (command, options) in declared.compactMap({ $0.call(words) }) {
                    seen.options[command, default: []].formUnion(options)
                    // In a pipe the status is that of the last.
                    if calls.last == words, let status = step.status { seen.statuses[command, default: []].insert(status) }
                }
            }
            let text = (step.errors + step.output).joined(separator: "\n")
            seen.codes.formUnion(text.matches(of: /[("]([a-z-]+\.[a-z-]+)[)"]/).map { String($0.1) })
        }
        return seen
    }

    /// What no transcript can show: `WHAT  WHO SHOWS IT, OR WHY NOBODY CAN`. `json.*` means all of a kind.
    private struct Elsewhere {
        let name: String

        static func all() throws -> [Elsewhere] {
            try String(contentsOfFile: Transcript.directory + "/elsewhere.txt", encoding: .utf8).components(separatedBy: "\n")
                .filter { !$0.isEmpty && !$0.hasPrefix("#") }
                .map { line in
                    guard let gap = line.range(of: "  ") else { throw HarnessError("elsewhere.txt: without a reason: \(line)") }
                    return Elsewhere(name: String(line[..<gap.lowerBound]))
                }
        }

        func covers(_ code: String) -> Bool { name.hasSuffix(".*") ? code.hasPrefix(name.dropLast()) : code == name }
    }

    @Test func `every command and every option of the three programs is in a transcript`() throws {
        let (seen, elsewhere) = (try seen(), try Elsewhere.all())
        for program in try Self.executables.map({ try DeclaredCommands.of($0) }) {
            #expect(program.commands.count > 3)
            for command in program.commands {
                if elsewhere.contains(where: { $0.name == command.name }) { continue }
                let shown = seen.options[command.name]
                #expect(shown != nil, "`\(command.name)` is in no transcript")
                for option in command.options.sorted() where !elsewhere.contains(where: { $0.name == "\(command.name) \(option)" }) {
                    #expect(shown?.contains(option) == true, "`\(command.name) \(option)` is in no transcript")
                }
            }
            let all = seen.options.filter { ($0.key + " ").hasPrefix(program.program + " ") }.values.reduce(into: Set()) { $0.formUnion($1) }
            for option in program.globals.sorted() { #expect(all.contains(option), "`\(program.program) \(option)` is in no transcript") }
        }
    }

    @Test func `every exit status that is documented is in a transcript`() throws {
        let (seen, elsewhere) = (try seen(), try Elsewhere.all())
        for program in try Self.executables.map({ try DeclaredCommands.of($0) }) {
            let all = seen.statuses.filter { ($0.key + " ").hasPrefix(program.program + " ") }.values.reduce(into: Set()) { $0.formUnion($1) }
            for status in program.statuses.sorted() where !elsewhere.contains(where: { $0.name == "\(program.program) \(status)" }) {
                #expect(all.contains(status), "`\(program.program)` ends nowhere with \(status)")
            }
            for command in program.commands where !elsewhere.contains(where: { $0.name == command.name }) {
                for status in command.statuses.sorted() where !elsewhere.contains(where: { $0.name == "\(command.name) \(status)" }) {
                    #expect(seen.statuses[command.name]?.contains(status) == true, "`\(command.name)` ends nowhere with \(status)")
                }
            }
        }
    }

    /// Everything in the sources that is the code of an error: `case .voterIsRequester: "vote.voter-is-requester"`.
    private func codes() throws -> Set<String> {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources")
        var codes: Set<String> = []
        for case let file as URL in FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil) ?? .init()
        where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            codes.formUnion(text.matches(of: /(?:case [^"\n]*: |code: )"([a-z]+\.[a-z]+(?:-[a-z]+)*)"/).map { String($0.1) })
        }
        return codes
    }

    @Test func `every code of an error is in a transcript, or stands in the list with who shows it`() throws {
        let (seen, elsewhere, codes) = (try seen(), try Elsewhere.all(), try codes())
        #expect(codes.count > 300)
        for code in codes.sorted() where !elsewhere.contains(where: { $0.covers(code) }) {
            #expect(seen.codes.contains(code), "`\(code)` is in no transcript")
        }
        for row in elsewhere where row.name.contains(".") && !row.name.contains(" ") {
            #expect(codes.contains { row.covers($0) }, "elsewhere.txt: nothing is called `\(row.name)` any more")
            #expect(!seen.codes.contains(row.name), "elsewhere.txt: `\(row.name)` is in a transcript now")
        }
    }
}
