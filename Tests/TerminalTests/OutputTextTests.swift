// SPDX-License-Identifier: Apache-2.0

import Terminal
import Testing

@Suite struct OutputTextTests {
    private func lines(_ pieces: String..., finished: Bool = true) -> [String] {
        var text = OutputText()
        var lines: [OutputText.Line] = []
        for (index, piece) in pieces.enumerated() { lines += text.feed(Array(piece.utf8), at: .seconds(index)) }
        return (finished ? lines + text.finish() : lines).map(\.text)
    }

    @Test func `lines are what stands between line feeds, whatever pieces they come in`() {
        #expect(lines("one\r\ntw", "o\n\n\nthree") == ["one", "two", "three"])
        #expect(lines("one\ntwo", finished: false) == ["one"])
    }

    @Test func `a line has the time of its first character`() {
        var text = OutputText()
        _ = text.feed(Array("a".utf8), at: .seconds(3))
        #expect(text.feed(Array("b\n".utf8), at: .seconds(9)) == [.init(at: .seconds(3), text: "ab")])
    }

    @Test(arguments: [
        ("\u{1b}[31mred\u{1b}[0m text", ["red text"]), ("se\u{8}\u{8}find", ["find"]), ("a\tb", ["a b"]),
        ("10 %\r20 %\r", ["10 %", "20 %"]), ("\u{1b}[2J\u{1b}[1;1Htop\u{1b}[5;1Hbottom", ["top", "bottom"]),
        ("\u{1b}]0;title\u{7}shown", ["shown"]), ("\u{1b}]52;c;c2VjcmV0\u{7}", []), ("\u{202e}txt", ["\u{FFFD}txt"]),
        ("ä\u{8}ö", ["ö"]), ("   ", []), ("one\u{1b}[Ctwo", ["one two"]),
    ])
    func `what draws is not text, and nothing hides`(output: String, expected: [String]) {
        #expect(lines(output) == expected)
    }

    @Test func `a line of a megabyte is many, and no character is cut`() {
        let long = lines(String(repeating: "ä", count: 1_000_000))
        #expect(long.allSatisfy { $0.utf8.count <= 1003 && !$0.contains("\u{FFFD}") })
        #expect(long.joined().count == 1_000_000)
    }

    @Test func `a reading that goes on gives the line that was begun`() {
        var first = OutputText()
        _ = first.feed(Array("begun ".utf8), at: .seconds(1))
        var second = OutputText(continuing: first.rest)
        #expect(second.feed(Array("and ended\n".utf8), at: .seconds(5)) == [.init(at: .seconds(1), text: "begun and ended")])
    }

    @Test func `the lines are the same in whatever pieces the output comes`() {
        var generator = SystemRandomNumberGenerator()
        let parts = ["plain text", " ", "\t", "\n", "\r\n", "\u{8}", "ä☃", "\u{1b}[31m", "\u{1b}[2J", "\u{7f}", String(repeating: "x", count: 998)]
        for _ in 0..<100 {
            let output = Array((0..<30).map { _ in parts.randomElement(using: &generator) ?? "" }.joined().utf8)
            var (whole, bytewise) = (OutputText(), OutputText())
            let expected = output.flatMap { bytewise.feed([$0], at: .zero) } + bytewise.finish()
            #expect(whole.feed(output, at: .zero) + whole.finish() == expected)
            #expect(expected.allSatisfy { $0.text.utf8.count <= 1003 })
        }
    }
}
