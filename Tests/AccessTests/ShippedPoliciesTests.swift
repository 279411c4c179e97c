// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import Testing

@Suite struct ShippedPoliciesTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Config/policies")

    static func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    @Test(arguments: ["start-up", "bank", "contractors", "databases", "lab"])
    func `each case beside a shipped policy is decided as it says`(name: String) throws {
        let policy = try Policy(parsing: try Self.text("\(name).json5"), file: "\(name).json5")
        let cases = try PolicyCases(parsing: try Self.text("\(name).cases.json5"), file: "\(name).cases.json5")
        #expect(cases.cases.count >= 5)
        for verdict in cases.run(on: policy) {
            #expect(verdict.isRight, "\(verdict.name): expected \(verdict.expected), found \(verdict.found) \(verdict.detail)")
        }
    }

    @Test func `every shipped policy has its cases`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(names.count == 10)
    }

    @Test func `a case with a wrong expectation is told`() throws {
        let policy = try Policy(parsing: try Self.text("lab.json5"), file: "lab.json5")
        let text = try Self.text("lab.cases.json5").replacing("policy.forbidden", with: "approved")
        let wrong = try PolicyCases(parsing: text, file: "cases").run(on: policy).filter { !$0.isRight }
        #expect(wrong.map(\.name) == ["forbidden alone is refused"])
        #expect(wrong.first?.found == "policy.forbidden")
    }

    @Test func `a misspelt key in a case has its place`() {
        let error = #expect(throws: PolicyError.self) {
            try PolicyCases(
                parsing: "{ people: [], nodes: [],\n cases: [{ name: \"a\", preson: \"b\", on: \"*\", expect: \"x\" }] }", file: "c.json5")
        }
        #expect(error?.message.hasPrefix("c.json5:2:") == true)
    }
}
