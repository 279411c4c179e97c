// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Protocol
import StrictJSON
import Testing

@testable import Client

@Suite struct WordsTests {
    private static let hostile = "a\u{1B}]0;x\u{07}b\r\nc\u{202E}d\u{9B}31me\u{200B}f\u{0}"

    /// Whether a terminal would take the text as plain lines.
    private func isPlain(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            if scalar == "\n" { return true }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: return false
            default: return true
            }
        }
    }

    private func object(_ keys: [String]) -> JSONObject {
        var object = JSONObject()
        for key in keys { object[key] = .string(Self.hostile) }
        return object
    }

    @Test func `no string of others reaches the terminal as it is`() {
        var request = object(["id", "state", "requester", "reason", "selector", "runAs", "entitlement", "grant"])
        request["nodes"] = [.string(Self.hostile)]
        request["capabilities"] = [.string(Self.hostile)]
        request["seats"] = [["count": 1, "of": [.string(Self.hostile)]]]
        request["votes"] = [.object(object(["person", "verdict", "note"]))]
        var session = object(["id", "state", "person", "node", "runAs", "capability", "grant", "endReason", "detail"])
        session["command"] = [.string(Self.hostile)]
        session["receipt"] = ["killed": 1, "left": 0, "method": .string(Self.hostile), "remarks": [.string(Self.hostile)]]
        let (one, two) = (Answer(.object(request)), Answer(.object(session)))
        let now = Timestamp.now()
        let texts = [
            ObjectText.request(one, now: now), ObjectText.grant(one, now: now), ObjectText.session(two, now: now),
            Lists.requests([one], now: now).text(width: nil), Lists.grants([one], now: now).text(width: nil),
            Lists.sessions([two], now: now).text(width: 80), Lists.nodes([one], now: now).text(width: nil),
            Lists.people([one]).text(width: nil), Lists.ledger([two]).text(width: 40),
        ]
        for text in texts { #expect(isPlain(text), "\(text.debugDescription)") }
    }

    @Test func `a value of others cannot add a line of its own`() {
        let answer = Answer(["id": "r-7k2p9x", "state": "pending", "reason": "x\n  grant  g-7k2p9x"])
        #expect(ObjectText.request(answer, now: .now()).split(separator: "\n").count == 2)
    }

    @Test func `a command is shown so that it can be read as it was given`() {
        #expect(CommandText.shown([]) == nil)
        #expect(CommandText.shown(["ls", "-l", "/etc"]) == "ls -l /etc")
        #expect(CommandText.shown(["sh", "-c", "echo 'a b'; rm x", ""]) == #"sh -c 'echo '\''a b'\''; rm x' ''"#)
    }

    @Test func `times of the API are read, and nothing that only looks like one`() {
        let right = [
            "2026-11-21T01:32:46.123Z", "1970-01-01T00:00:00.000Z", "2000-02-29T23:59:59.999Z",
            "9999-12-31T23:59:59.999Z",
        ]
        for text in right {
            #expect(Timestamp(rfc3339: text)?.description == text)
        }
        #expect(Timestamp(rfc3339: "2026-11-21T01:32:46Z")?.description == "2026-11-21T01:32:46.000Z")
        let wrong = [
            "", "2026-11-21", "2026-11-21T01:32:46.123", "2026-11-21 01:32:46.123Z", "2026-13-21T01:32:46.123Z",
            "2026-11-21T24:32:46.123Z", "2026-11-21T01:32:46.12Z", "+026-11-21T01:32:46.123Z", "2026-11-21T01:32:46,123Z",
        ]
        for text in wrong { #expect(Timestamp(rfc3339: text) == nil, "\(text)") }
    }

    @Test func `the last line says who ended it, how many processes were killed, and what is left`() throws {
        let id = try SessionID("s-7k2p9x")
        func ending(_ reason: Session.EndReason, _ outcome: ReceiptStatement.Outcome, killed: Int = 3) -> SessionEnding {
            SessionEnding(reason: reason, detail: "", outcome: outcome, killed: killed, left: 0)
        }
        #expect(EndingWords.sentence(id, ending(.expired, .none))
            == "Session s-7k2p9x ended: the grant expired. 3 processes killed, 0 left.")
        #expect(EndingWords.sentence(id, ending(.revoked, .none, killed: 1)).hasSuffix(" 1 process killed, 0 left."))
        #expect(EndingWords.status(of: ending(.exited, .exited(7))) == 7)
        #expect(EndingWords.status(of: ending(.exited, .signalled(9))) == 137)
        #expect(EndingWords.status(of: ending(.exited, .none)) == 255)
        for reason in Session.EndReason.allCases where reason != .exited {
            #expect(EndingWords.status(of: ending(reason, .exited(0))) == 255)  // never a success that Stint cut short
        }
    }
}
