// SPDX-License-Identifier: Apache-2.0

import Foundation
import Simulator
import Testing

@Suite struct LifecycleTests {
    /// Sequences of 30 steps in one run of the tests; `deploy/prove model` compares 100,000.
    private static let sequences: UInt64 = 3000
    private static let model = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "model/model.py")

    @Test func `a model written apart in another language agrees on every step`() throws {
        let lines = (0..<Self.sequences).map { Lifecycle.line(seed: $0) }.joined(separator: "\n") + "\n"
        guard let (status, text) = try replay(lines) else { return print("Not compared: python3 is missing.") }
        #expect(status == 0, "\(text)")
        for verb in ["ask", "vote", "withdraw", "lapse", "look", "activate", "grant", "open", "session", "change", "extend"] {
            #expect(text.contains("\"\(verb)\":"), "no sequence got as far as \(verb)")
        }
        print(text)
    }

    @Test func `the model notices an outcome that is not its own`() throws {
        let line = Lifecycle.line(seed: 0)
        let forged = line.replacingOccurrences(of: "\"outcome\":{\"ok\":false}", with: "\"outcome\":{\"ok\":true}")
        try #require(forged != line)
        guard let (status, _) = try replay(forged + "\n") else { return }
        #expect(status == 1)
    }

    /// The model's exit status and words, or `nil` where there is no python3.
    private func replay(_ lines: String) throws -> (status: Int32, text: String)? {
        let file = FileManager.default.temporaryDirectory.appending(path: "stint-lives-\(UUID().uuidString).jsonl")
        try Data(lines.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // a temporary file that stays harms nobody
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", Self.model.path]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return process.terminationStatus == 127 ? nil : (process.terminationStatus, text)
    }
}
