// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `stint replay` on a terminal, as somebody looks for what happened.
@Suite(.serialized, .installation())
struct ReplayTests {
    /// A session with a long pause between two lines, and its end.
    private func recordedSession() async throws -> String {
        let here = try Installation.here
        let grant = try await here.grant()
        try await here.exec("sh", "-c", "echo begin; sleep 3; printf 'the nee'; echo dle; sleep 1; echo end").checked()
        return try await here.receipted(grant).id
    }

    @Test func `space pauses, arrows jump, a search finds and stops, q ends`() async throws {
        let here = try Installation.here
        let player = try here.terminal(as: "oncall", "replay", try await recordedSession(), "--idle-limit", "1h")
        // The session had no terminal; on ours each line begins at the left all the same.
        try await player.expect("begin\r\n")
        player.send(" ")
        try await player.expect("paused")
        player.send("/")
        player.send("nedle\u{7F}\u{7F}\u{7F}edle\r")
        try await player.expect("the needle")
        try await player.expect("`needle`: n for the next")
        player.send("n")
        try await player.expect("`needle` is not shown after this")
        player.send("\u{1B}[D")
        // The screen is cleared; going on draws it from the beginning.
        try await player.expect("\u{1B}[H\u{1B}[2J")
        player.send(" ")
        try await player.expect("begin")
        player.send("?")
        try await player.expect("q end")
        player.send("+")
        try await player.expect("×2")
        player.send("q")
        #expect(try await player.process.waitForEnd().status == 0)
        #expect(!player.transcript.contains("\u{1B}[?1049h"))
    }

    @Test func `it plays in its time, faster when asked, and ends by itself`() async throws {
        let here = try Installation.here
        let session = try await recordedSession()
        let begun = ContinuousClock.now
        let player = try here.terminal(as: "oncall", "replay", session, "--speed", "4", "--idle-limit", "2s")
        try await player.expect("end")
        let end = try await player.process.waitForEnd()
        #expect(end.status == 0)
        let time = end.at - begun
        #expect(time > .milliseconds(700) && time < .seconds(3), "3 s of it at four times the speed took \(time)")
    }

    @Test func `it begins where it is told, with what was shown before drawn at once`() async throws {
        let here = try Installation.here
        let session = try await recordedSession()
        let begun = ContinuousClock.now
        let outcome = try await here.stint(as: "oncall", "replay", session, "--from", "1h").checked()
        #expect(outcome.text.contains("begin") && outcome.text.contains("the needle") && outcome.text.contains("end"))
        #expect(outcome.end - begun < .seconds(2))
    }
}
