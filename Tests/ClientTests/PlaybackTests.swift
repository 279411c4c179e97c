// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Client

@Suite struct PlaybackTests {
    /// At 0 s, 1 s, 1.5 s and, after a long pause, 61.5 s.
    private func recording(pause: Duration = .seconds(2)) throws -> Recording {
        let file = """
            {"version":2,"width":80,"height":24}
            [0.0, "o", "first\\r\\n"]
            [1.0, "i", "typed"]
            [1.0, "o", "sec"]
            [1.5, "o", "ond\\r\\n"]
            [61.5, "o", "third first\\r\\n"]

            """
        return try Recording(Array(file.utf8), longestPause: pause)
    }

    @Test func `pieces come in their time, and a long pause is shortened`() throws {
        var playback = Playback(try recording(), speed: 100)
        #expect(playback.wait == .zero)
        #expect(playback.advance(by: .zero) == .more(0..<1))
        #expect(playback.wait == .seconds(1))
        #expect(playback.advance(by: .milliseconds(999)) == .more(1..<1))
        #expect(playback.advance(by: .milliseconds(1)) == .more(1..<2))
        #expect(playback.advance(by: .milliseconds(500)) == .more(2..<3))
        #expect(playback.wait == .seconds(2) && !playback.isOver)
        #expect(playback.advance(by: .seconds(2)) == .more(3..<4))
        #expect(playback.isOver && playback.wait == nil && playback.position == .milliseconds(61_500))
    }

    @Test func `twice the speed is half the wait, within bounds`() throws {
        var playback = Playback(try recording(), speed: 100)
        _ = playback.advance(by: .zero)
        playback.changeSpeed(2)
        #expect(playback.wait == .milliseconds(500))
        for _ in 0..<20 { playback.changeSpeed(-2) }
        #expect(playback.speed == Playback.speeds.lowerBound)
        for _ in 0..<20 { playback.changeSpeed(2) }
        #expect(playback.speed == Playback.speeds.upperBound)
    }

    @Test func `a pause stops the time`() throws {
        var playback = Playback(try recording(), speed: 100)
        _ = playback.advance(by: .zero)
        playback.togglePause()
        #expect(playback.wait == nil)
        #expect(playback.advance(by: .seconds(100)) == .more(1..<1))
        playback.togglePause()
        #expect(playback.wait == .seconds(1))
    }

    @Test func `a jump forward draws on, a jump back draws anew, and neither leaves the recording`() throws {
        var playback = Playback(try recording(), speed: 100)
        #expect(playback.jump(to: .milliseconds(1200)) == .more(0..<2))
        #expect(playback.position == .milliseconds(1200) && playback.wait == .milliseconds(300))
        #expect(playback.jump(to: .milliseconds(10)) == .anew(0..<1))
        #expect(playback.jump(to: .seconds(-10)) == .more(1..<1))
        #expect(playback.jump(to: .seconds(1_000_000)) == .more(1..<4))
        #expect(playback.isOver)
        #expect(playback.step() == .more(4..<4))
    }

    @Test func `a step shows the next piece, however late it came`() throws {
        var playback = Playback(try recording(), speed: 100)
        _ = playback.jump(to: .seconds(30))
        #expect(playback.step() == .more(3..<4))
    }

    @Test func `a text is found behind what is drawn, then the next, then the one before`() throws {
        var playback = Playback(try recording(), speed: 100)
        #expect(playback.find("FIRST") == .more(0..<1))
        #expect(playback.isPaused)
        #expect(playback.find("first") == .more(1..<4))
        #expect(playback.find("first") == nil)
        #expect(playback.find("first", isBackward: true) == .anew(0..<1))
        #expect(playback.find("second") == .more(1..<3), "a line that came in two pieces is whole with the second")
        #expect(playback.find("nowhere") == nil)
    }

    @Test func `a recording without output is over at once`() throws {
        var playback = Playback(try Recording(Array("{\"version\":2,\"width\":80,\"height\":24}\n".utf8), longestPause: .seconds(2)), speed: 100)
        #expect(playback.isOver && playback.wait == nil && playback.position == .zero)
        #expect(playback.jump(to: .seconds(5)) == .more(0..<0))
        #expect(playback.find("x") == nil)
    }

    @Test func `keys are read from what terminals send`() {
        let arrows = Array("\u{1B}[C\u{1B}OD\u{1B}[A\u{1B}[B".utf8)
        #expect(ReplayKey.decode(arrows) == [.right, .left, .up, .down])
        #expect(ReplayKey.decode([0x1B]) == [.escape])
        #expect(ReplayKey.decode([0x20, 0x0D, 0x7F, 0x03]) == [.character(0x20), .enter, .backspace, .interrupt])
        #expect(ReplayKey.decode(Array("\u{1B}[5~".utf8)).first == .escape)
        #expect(ReplayKey.decode([]) == [])
    }

    @Test func `a speed is a number with two digits behind the point at most`() {
        let good: [(String, Int)] = [("1", 100), ("0.5", 50), ("1.25", 125), ("1000", 100_000), ("0.1", 10), ("0", 0)]
        for (text, speed) in good { #expect(SpeedText.parse(text) == speed, "\(text)") }
        for text in ["", "-1", "1.", ".5", "1.125", "0.09", "1000.1", "x", "1e3", "10000", "+1", "1,5"] {
            #expect(SpeedText.parse(text) == nil, "\(text)")
        }
        #expect([100, 50, 125, 105].map(SpeedText.format) == ["1", "0.5", "1.25", "1.05"])
    }
}
