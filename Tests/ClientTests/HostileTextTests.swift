// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Protocol
import StrictJSON
import Synchronization
import Terminal
import Testing

@testable import Client

/// What others wrote reaches a terminal as something to read, and never as something to do: 300 hostile sequences through
/// lists, objects, the timeline, lines that wait, errors, and what is replayed or watched.
@Suite struct HostileTextTests {
    /// Every kind of sequence that makes a terminal do more than draw, each with several contents and endings.
    static let corpus: [String] = {
        var corpus: [String] = []
        let contents = ["0;evil", "52;c;ZXZpbA==", "8;;http://evil", "4;1;?", "1337;File=:AAAA", "9;hi", "7;file://x", "133;A"]
        for start in ["\u{1B}]", "\u{9D}"] {
            for content in contents { for end in ["\u{7}", "\u{1B}\\", "\u{9C}", ""] { corpus.append(start + content + end) } }
        }
        for start in ["\u{1B}P", "\u{1B}_", "\u{1B}^", "\u{1B}X", "\u{90}", "\u{9F}", "\u{9E}", "\u{98}"] {
            for content in ["$q\"p", "+q544e", "Gx", "1$r0m"] { for end in ["\u{1B}\\", "\u{9C}", ""] { corpus.append(start + content + end) } }
        }
        for start in ["\u{1B}[", "\u{9B}"] {
            for body in [
                "c", ">c", "=c", "5n", "6n", "?6n", "?1$p", "x", "18t", "21t", ">q", "?u", "?1000h", "?1006h", "?2004h", "?1h",
                ">4;2m", ">1u", "20h", "i", "4i", "?5i", "!p", "3J", "1;5s", "99999b", "8;500;500t", "22;0t", "200~", "1;1;1;1;1;1*y",
            ] { corpus.append(start + body) }
        }
        corpus += ["\u{1B}c", "\u{1B}=", "\u{1B}>", "\u{1B}Z", "\u{1B}(0", "\u{1B}%G", "\u{1B}#8", "\u{1B}H", "\u{1B}N", "\u{1B}O"]
        for control in (0...0x1F).map({ UInt8($0) }) + [0x7F] where control != 0x1B { corpus.append("a" + String(UnicodeScalar(control)) + "b") }
        for scalar in (0x80...0x9F).compactMap({ UnicodeScalar($0) }) { corpus.append("a\(scalar)b") }
        for scalar in ["\u{061C}", "\u{200E}", "\u{200F}", "\u{202A}", "\u{202B}", "\u{202D}", "\u{202E}", "\u{2066}", "\u{2067}", "\u{2068}"] {
            corpus.append("txt\(scalar)gpj")
        }
        for scalar in ["\u{200B}", "\u{2028}", "\u{2029}", "\u{2060}", "\u{FEFF}", "\u{FFF9}", "\u{E0041}", "\u{E007F}"] { corpus.append("a\(scalar)b") }
        let reset = ["\rovertyped", "x\u{8}y", "line\nforged: line", "\r\nr-000000  approved", "\u{1B}[2J\u{1B}[H$ ", "\u{1B}[8mhidden\u{1B}[m"]
        return corpus + reset
    }()

    @Test func `there are at least 300 of them`() { #expect(Set(Self.corpus).count >= 300) }

    /// Nothing but text and line ends of ours.
    private func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x0A: true
            case ..<0x20, 0x7F...0x9F, 0x061C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x2069, 0xFEFF, 0xFFF9...0xFFFB,
                0xE0000...0xE007F: false
            default: true
            }
        }
    }

    private func object(_ text: String) -> Answer {
        let value = JSONValue.string(text)
        let at = JSONValue.string("2026-11-21T01:32:46Z")
        let vote = JSONValue.object(["person": value, "verdict": value, "note": value, "at": at, "nodes": .array([value])])
        return Answer([
            "id": value, "state": value, "requester": value, "reason": value, "selector": value, "runAs": value, "entitlement": value,
            "duration": 60, "nodes": .array([value]), "capabilities": .array([value]), "capability": value, "node": value,
            "person": value, "holder": value, "name": value, "command": .array([value, value]), "endReason": value, "detail": value,
            "createdAt": at, "openedAt": at, "startedAt": at, "endedAt": at, "resolvedAt": at, "notBefore": at, "at": at, "event": value,
            "subject": value, "actor": value, "body": value, "number": 1, "agentVersion": value, "groups": .array([value]),
            "votes": .array([vote]), "looked": .array([vote]), "fields": .object(["x": value]), "tags": .object(["x": value]),
            "seats": .array([.object(["count": 1, "of": .array([value])])]),
            "devices": .array([.object(["label": value, "state": value])]),
            "receipt": .object(["killed": 1, "left": 0, "method": value, "remarks": .array([value])]),
        ])
    }

    @Test(arguments: corpus)
    func `lists and objects show it as text, on the lines they would have anyway`(_ text: String) {
        let now = Timestamp(milliseconds: 1_800_000_000_000)
        let (row, harmless) = (object(text), object("harmless"))
        let pictures: [(Answer) -> String] = [
            { Lists.requests([$0], now: now).text(width: 80) }, { Lists.choices([$0], now: now).text(width: nil) },
            { Lists.grants([$0], now: now).text(width: 80) }, { Lists.sessions([$0], now: now).text(width: 80) },
            { Lists.nodes([$0], now: now).text(width: 80) }, { Lists.people([$0]).text(width: 80) },
            { Lists.ledger([$0]).text(width: 80) }, { Lists.waiting($0) }, { ObjectText.request($0, now: now) },
            { ObjectText.grant($0, now: now) }, { ObjectText.session($0, now: now) },
            { Timeline(request: $0, grant: $0, sessions: [$0]).text(now: now) },
            { WaitingText.line($0, asked: [text], showsTime: true, now: now) }, { WaitingText.stopped($0, again: "x", now: now) },
        ]
        for (index, picture) in pictures.enumerated() {
            let shown = picture(row)
            #expect(isPlain(shown), "picture \(index): \(shown.debugDescription)")
            #expect(shown.split(separator: "\n").count == picture(harmless).split(separator: "\n").count, "picture \(index)")
        }
    }

    @Test(arguments: corpus)
    func `an error shows it as text, for people and as JSON`(_ text: String) {
        for format in [[], ["--json"], ["--json-lines"]] {
            let collected = Mutex("")
            let console = Console(output: { _ in }, errors: { more in collected.withLock { $0 += more } })
            #expect(ClientProgram.program.main(arguments: format + ["show", text], console: console) == 2)
            #expect(isPlain(collected.withLock { $0 }))
        }
        let problem = Problem(status: 403, code: "x.y", message: text, hint: text)
        #expect(isPlain(DisplayText.escaped(Failures.message(of: problem))))
        #expect(isPlain(WaitingText.line(object(text), asked: [], showsTime: false, now: .now())))
    }

    /// What is replayed or watched may draw. An independent list of what draws.
    @Test(arguments: corpus)
    func `of what is replayed or watched only what draws comes through, whole or in pieces`(_ text: String) {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var sanitiser = OutputSanitiser()
            let shown = sanitiser.feed(Array(bytes[..<cut])) + sanitiser.feed(Array(bytes[cut...]))
            let harmless = String(decoding: shown, as: UTF8.self)
                .replacing(/\u{1B}\[(\??(25|7|6|1049|1047|47)(;(25|7|6|1049|1047|47))*[hl]|[0-2]?J|[0-9;]*[A-HKXLMP@dfm])/, with: "")
            #expect(harmless.unicodeScalars.allSatisfy { scalar in
                switch scalar.value {
                case 0x08...0x0A, 0x0D: true
                case ..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: false
                default: true
                }
            }, "\(text.debugDescription) at \(cut): \(harmless.debugDescription)")
        }
    }
}
