// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON
import Testing

@testable import Client

@Suite struct AccessReviewTests {
    private func review(_ hostile: String, sessions: [JSONValue] = []) -> AccessReview {
        let grant: JSONValue = .object([
            "id": "g-7k2p9x", "holder": .string(hostile), "state": "ended", "entitlement": "on-call", "nodes": ["db-1"], "runAs": "root",
            "capabilities": ["shell"], "reason": .string(hostile), "fields": .object(["impact": .string(hostile)]),
            "requestedAt": "2026-11-21T01:00:00.000Z", "notBefore": "2026-11-21T01:10:00.000Z", "notAfter": "2026-11-21T02:10:00.000Z",
            "endedAt": "2026-11-21T01:40:00.000Z", "endReason": "released", "sessions": .array(sessions),
            "votes": .array([.object(["person": "lead", "verdict": "approve", "note": .string(hostile)])]),
        ])
        return AccessReview(
            since: Timestamp(milliseconds: 1_795_000_000_000), until: Timestamp(milliseconds: 1_796_000_000_000), reader: "admin",
            grants: [Answer(grant)])
    }

    private func session(command: String, left: Int64? = 0, recording: String = "whole") -> JSONValue {
        .object([
            "id": "s-7k2p9x", "node": "db-1", "capability": "exec", "command": .array([.string(command)]), "state": "ended",
            "startedAt": "2026-11-21T01:10:00.000Z", "endedAt": "2026-11-21T01:20:00.000Z", "endReason": "exited",
            "recording": .string(recording), "killed": left.map { _ in .integer(1) } ?? .null, "left": left.map { .integer($0) } ?? .null,
            "outputBytes": left.map { _ in .integer(42) } ?? .null,
        ])
    }

    @Test(arguments: ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "\u{FF1D}1", "|x", "%0"])
    func `no cell is a formula`(text: String) {
        let cell = AccessReview.cell(text)
        #expect(cell.hasPrefix("\"'") || cell.hasPrefix("\"\\x"), "\(cell)")
    }

    @Test(arguments: ["plain", "with, comma", "with \"quotes\"", "ends in \"", "line\nbreak", "a=b", "2-1", "", "\"=1"])
    func `a cell is read back as it was, on one line`(text: String) {
        let cell = AccessReview.cell(text)
        #expect(cell.hasPrefix("\"") && cell.hasSuffix("\"") && !cell.contains("\n"))
        let inner = String(cell.dropFirst().dropLast())
        #expect(inner.replacingQuotes() == shown(text))
    }

    @Test func `CSV has as many cells in each line as in its head`() {
        let csv = review("a,\"b\",\nc", sessions: [session(command: "x,\"y\""), session(command: "z")]).csv
        let lines = csv.components(by: "\r\n")
        #expect(lines.count == 4 && lines.last == "")
        #expect(Set(lines.dropLast().map { $0.components(by: "\",\"").count }) == [25])
    }

    @Test(arguments: ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='x", "</style><b>", "&lt;b&gt;", "\u{202e}evil"])
    func `what others wrote is text on the page`(text: String) {
        let html = review(text, sessions: [session(command: text)]).html
        #expect(!html.contains(text))
        for tag in ["<script", "<img", "<b>e", "onmouseover='", "</style><b"] { #expect(!html.contains(tag), "\(tag)") }
        #expect(html.contains("default-src 'none'"))
    }

    @Test func `what a reviewer should look at stands first`() {
        let text = review("a reason", sessions: [session(command: "a", left: nil), session(command: "b", left: 2, recording: "truncated")]).text
        #expect(text.contains("! s-7k2p9x has no receipt"))
        #expect(text.contains("! s-7k2p9x left 2 processes behind."))
        #expect(text.contains("! The recording of s-7k2p9x is truncated."))
        #expect(text.contains("lead: a reason") && text.contains("1 grant of 1 person, 0 unused, 2 sessions"))
    }

    @Test func `text of others steers no terminal`() {
        let text = review("\u{1b}[31mred\u{7}\u{9b}1m").text
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)) })
    }
}

extension String {
    fileprivate func replacingQuotes() -> String { components(by: "\"\"").joined(separator: "\"") }

    fileprivate func components(by separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
