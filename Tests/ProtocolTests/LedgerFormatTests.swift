// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import StrictJSON
import Testing

@Suite struct LedgerFormatTests {
    private func entry(
        _ event: String = "request.created", subject: String = "r-7k2p9x", actor: String = "alice", body: JSONObject = [:]
    ) throws -> LedgerEntry {
        try LedgerEntry(
            after: 16, .none, at: Timestamp(milliseconds: 1_800_000_000_123), event: event, subject: subject, actor: actor, body: body)
    }

    /// What somebody could write to be taken for another field, another entry, or a command to a terminal.
    static let hostile = [
        "a|b", "a\\|b", "a=b cs1=x", "end\nCEF:0|Fake|", "end\r\n<0>1 - - - - - -", "] [other@1 x=\"y\"]", "\"]", "\\", "\\\"",
        "\u{1b}[31mred", "\u{9b}31m", "line\u{2028}line", "\u{0}", "tab\tbed", "ä\u{301}|", "=\u{301}", "\\n", "",
    ]

    @Test(arguments: hostile)
    func `an entry is one line, whatever is in it`(text: String) throws {
        for format in LedgerFormat.allCases {
            let line = format.line(try entry(subject: text, actor: text, body: ["reason": .string(text)]), host: text)
            #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }, "\(format): \(line)")
        }
    }

    @Test(arguments: hostile)
    func `CEF gives back what was put in, field by field`(text: String) throws {
        let line = LedgerFormat.cef.line(try entry(text.isEmpty ? "-" : text, subject: text, actor: text, body: [:]), host: "")
        let fields = try #require(CEFLine(line))
        #expect(fields.header.count == 7)
        #expect(fields.header[4] == Self.plain(text.isEmpty ? "-" : text, lines: false))
        #expect(fields.extension["cs1"] == Self.plain(text, lines: true))
        #expect(fields.extension["suser"] ?? "" == Self.plain(text, lines: true))
        #expect(fields.extension["externalId"] == "17" && fields.extension["msg"] == "{}")
    }

    @Test func `CEF is as its definition shows it`() throws {
        let line = LedgerFormat.cef.line(try entry(body: ["a": "b=c|d\\e\n"]), host: "")
        #expect(line.hasPrefix("CEF:0|Stint|stintd|\(Version.text)|request.created|request created|3|rt=1800000000123 externalId=17 suser=alice cs1Label=subject cs1=r-7k2p9x "))
        #expect(line.hasSuffix(#"msg={"a":"b\=c|d\\\\e\\n"}"#))
    }

    @Test(arguments: hostile)
    func `a parameter of syslog ends where it should`(text: String) throws {
        let line = LedgerFormat.syslog.line(try entry(subject: text, actor: text), host: "db 1\u{7}ä")
        #expect(line.hasPrefix("<109>1 2027-01-15T08:00:00.123Z db1 stintd - request.created [stint@32473 number=\"17\" subject=\""))
        var rest = Substring(line.unicodeScalars.drop { $0 != "[" }.dropFirst())
        var quotes = 0
        var isEscaped = false
        var end: Character?
        while let next = rest.unicodeScalars.popFirst() {
            if isEscaped { isEscaped = false; continue }
            if next == "\\" { isEscaped = true } else if next == "\"" { quotes += 1 } else if next == "]" { end = "]"; break }
        }
        #expect(end == "]" && quotes == 8 && rest == " \u{FEFF}{}", "\(line)")
    }

    @Test func `warnings are told apart, and an event that is too long for syslog is cut`() throws {
        #expect(LedgerFormat.syslog.line(try entry("quota.full"), host: "h").hasPrefix("<108>1 "))
        #expect(LedgerFormat.cef.line(try entry("quota.full"), host: "").contains("|6|rt="))
        let long = LedgerFormat.syslog.line(try entry("a." + String(repeating: "b", count: 60)), host: "")
        #expect(long.contains(" - stintd - a.\(String(repeating: "b", count: 30)) ["))
    }

    /// As we replace what would break a line.
    private static func plain(_ text: String, lines: Bool) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { scalar in
            if lines, scalar == "\n" || scalar == "\r" { return scalar }
            return scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028 ? " " : scalar
        }))
    }
}

/// A reader of CEF, after its definition.
private struct CEFLine {
    var header: [String] = []
    var `extension`: [String: String] = [:]

    init?(_ line: String) {
        var rest = Substring(line).unicodeScalars
        var field = String.UnicodeScalarView()
        while header.count < 7, let next = rest.popFirst() {
            switch next {
            case "\\": if let escaped = rest.popFirst() { field.append(escaped) }
            case "|":
                header.append(String(field))
                field = .init()
            default: field.append(next)
            }
        }
        guard header.count == 7 else { return nil }
        // A key is the word before an `=` that is not escaped.
        var key = "", value = String.UnicodeScalarView()
        while let next = rest.popFirst() {
            switch next {
            case "\\":
                guard let escaped = rest.popFirst() else { return nil }
                value.append(escaped == "n" ? "\n" : escaped == "r" ? "\r" : escaped)
            case "=":
                let words = value.split(separator: " ", omittingEmptySubsequences: false)
                guard let name = words.last else { return nil }
                if !key.isEmpty { self.extension[key] = String(String.UnicodeScalarView(value.dropLast(name.count + 1))) }
                key = String(String.UnicodeScalarView(name))
                value = .init()
            default: value.append(next)
            }
        }
        self.extension[key] = String(value)
    }
}
