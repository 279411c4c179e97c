// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The manual pages of configuration files say what the parsers know, all of it and nothing else.
@Suite struct FileManualTests {
    struct Page: Sendable, CustomTestStringConvertible {
        let program: String
        let name: String
        /// Where its parser is, below Sources.
        let sources: [String]

        var testDescription: String { name }

        static let all = [
            Page(
                program: Programs.stint, name: "stint-policy",
                sources: [
                    "Access/Policy+Parsing.swift", "Access/Policy+Parts.swift", "Access/CommandDocument+Reading.swift",
                    "Access/SessionSettings+Reading.swift", "Access/SessionSettings.swift",
                ]),
            Page(program: Programs.stint, name: "stint-cases", sources: ["Access/PolicyCases.swift"]),
            Page(program: Programs.stintd, name: "stintd-settings", sources: ["Broker/Recordings/Quota.swift"]),
        ]

        func text() throws -> String {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = ["__manual", name]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return text
        }
    }

    /// The keys that a parser asks its reader for: `reader.optionalString("below")`, `Self.size("limit", …)`.
    private func knownKeys(_ page: Page) throws -> Set<String> {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var keys: Set<String> = []
        for file in page.sources {
            let text = try String(contentsOf: root.appendingPathComponent("Sources/\(file)"), encoding: .utf8)
            for call in text.matches(of: /\.(\w+)\(\s*"([a-zA-Z]+)"/) where call.1 != "unacceptable" { keys.insert(String(call.2)) }
            // The keys of `limits` are the cases of their type.
            if let limits = text.firstMatch(of: /enum Limit: String[^{]*\{\s*case ([a-zA-Z, ]+)/) {
                keys.formUnion(limits.1.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
            }
        }
        return keys
    }

    @Test(arguments: Page.all)
    func `a page names every key that its parser knows, and no other`(_ page: Page) throws {
        let named = Set(try page.text().matches(of: /\n\.It Ic (\w+) Ar/).map { String($0.1) })
        let known = try knownKeys(page)
        #expect(!known.isEmpty)
        #expect(known.subtracting(named).sorted() == [], "not in the page")
        #expect(named.subtracting(known).sorted() == [], "not in the parser")
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/mandoc")), arguments: Page.all)
    func `mandoc has nothing to say against the page of a file`(_ page: Page) throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("stint-page-\(UInt32.random(in: 0 ... .max))")
        try Data(try page.text().utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/mandoc")
        process.arguments = ["-T", "lint", "-W", "warning", file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let said = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && said.isEmpty, "\(said)")
    }
}
