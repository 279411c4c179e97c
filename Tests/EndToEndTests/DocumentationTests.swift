// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What documents say of the command line is so.
@Suite struct DocumentationTests {
    private static let executables = [Programs.stint, Programs.stintd, Programs.agent]
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// README, docs and the topics of `stint help`, by name.
    private func documents() throws -> [(name: String, text: String)] {
        var files = [Self.root.appendingPathComponent("README.md"), Self.root.appendingPathComponent("CHANGELOG.md")]
        let docs = FileManager.default.enumerator(at: Self.root.appendingPathComponent("docs"), includingPropertiesForKeys: nil)
        for case let file as URL in docs ?? .init() where file.pathExtension == "md" { files.append(file) }
        let texts = try files.map { ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8)) }
        return texts + [("Topics.swift", try String(contentsOf: Self.root.appendingPathComponent("Sources/Client/Topics.swift"), encoding: .utf8))]
    }

    /// Command lines of ours: between backticks, and in indented lines.
    private func calls(in text: String) -> [[String]] {
        let names = Self.executables.map { ($0 as NSString).lastPathComponent }
        var lines = text.matches(of: /`([^`\n]+)`/).map { String($0.1) }
        lines += text.components(separatedBy: "\n").filter { $0.hasPrefix("    ") }
            .map { line in
                // What follows a `#` or two blanks behind the command explains it.
                let code = line.trimmingCharacters(in: .whitespaces).replacingOccurrences(of: "$STINT_BIN/", with: "")
                return code.range(of: " +#| {3,}", options: .regularExpression).map { String(code[..<$0.lowerBound]) } ?? code
            }
        return lines.filter { line in names.contains { line.hasPrefix($0 + " ") || line.contains(" \($0) ") } }
            .flatMap { ShellLine.calls(in: $0, of: names) }
    }

    @Test func `documents name only commands and options that there are`() throws {
        let declared = try Self.executables.map { try DeclaredCommands.of($0) }
        var count = 0
        for document in try documents() {
            for words in calls(in: document.text) {
                guard let program = declared.first(where: { $0.program == words[0] }), let second = words.dropFirst().first,
                    second.first?.isLowercase == true, let call = program.call(words)
                else { continue }
                count += 1
                let command = program.commands.first { $0.name == call.command }
                // The last one begins every text that is signed.
                let isBuiltIn = ["__manual", "__complete", "statement"].contains(second)
                let isFamily = program.commands.contains { $0.name.hasPrefix("\(program.program) \(second) ") }
                #expect(command != nil || isBuiltIn || isFamily, "\(document.name): `\(words.joined(separator: " "))`")
                let known = (command?.options ?? []).union(program.globals)
                for option in call.options where option.hasPrefix("--") {
                    #expect(known.contains(option), "\(document.name): \(option) in `\(words.joined(separator: " "))`")
                }
            }
        }
        #expect(count > 60, "\(count) commands were found")
    }

    @Test func `exit statuses in documents are those of the program`() throws {
        let declared = try DeclaredCommands.of(Programs.stint)
        let lists = try documents().flatMap { $0.text.matches(of: /[Ee]xit statuses(?: are)?:? (0 done[^.]*)\./).map { String($0.1) } }
        #expect(lists.count >= 2)
        for list in lists {
            #expect(Set(list.matches(of: /[0-9]+/).compactMap { Int32(list[$0.range]) }) == declared.statuses, "\(list)")
        }
    }
}
