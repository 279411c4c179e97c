// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite struct SpinTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "spin")

    /// The exit status of a program that is not there.
    private static let missing: Int32 = 127

    @Test func `every order of approval, expiry, extension and partition keeps the promises, and each mistake is found`() throws {
        let process = Process()
        process.executableURL = Self.folder.appending(path: "check.sh")
        let output = Pipe()
        (process.standardOutput, process.standardError) = (output, output)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus != Self.missing else { return print("Not checked: \(text)") }
        #expect(process.terminationStatus == 0, "\(text)")
    }
}
