// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

struct TextTests {
    @Test(arguments: [
        ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("ｱ", 1), ("Ａ", 2), ("한", 2), ("\u{1112}\u{1161}\u{11AB}", 2),
        ("🎉", 2), ("✔", 1), ("a\u{200D}b", 2), ("…", 1), ("ﾞ", 1), ("\u{3000}", 2), ("𠀀", 2),
    ])
    func `a text takes the columns of its characters`(text: String, columns: Int) {
        #expect(DisplayWidth.of(text) == columns)
    }

    @Test func `a text is cut to a width and never through a character`() {
        #expect(DisplayWidth.truncate("abcdef", to: 6) == "abcdef")
        #expect(DisplayWidth.truncate("abcdef", to: 5) == "abcd…")
        #expect(DisplayWidth.truncate("日本語", to: 5) == "日本…")
        #expect(DisplayWidth.truncate("日本語", to: 4) == "日…")
        #expect(DisplayWidth.truncate("e\u{301}e\u{301}e\u{301}", to: 2) == "e\u{301}…")
        #expect(DisplayWidth.truncate("ab", to: 1) == "…")
        #expect(DisplayWidth.truncate("ab", to: 0) == "")
        #expect(DisplayWidth.truncate("ab", to: -1) == "")
    }

    @Test func `what could steer or mislead a terminal is written out`() {
        #expect(PrintableText.escaping("a\u{1B}]0;x\u{7}") == #"a\u{1b}]0;x\u{7}"#)
        #expect(PrintableText.escaping("\u{9B}2J\u{7F}\0") == #"\u{9b}2J\u{7f}\u{0}"#)
        #expect(PrintableText.escaping("a\r\nb\t") == #"a\r\nb\t"#)
        #expect(PrintableText.escaping("x\u{202E}y\u{2066}\u{200F}\u{FEFF}\u{E0041}") == #"x\u{202e}y\u{2066}\u{200f}\u{feff}\u{e0041}"#)
        #expect(PrintableText.escaping("\u{2028}\u{200B}") == #"\u{2028}\u{200b}"#)
    }

    @Test func `harmless text stays as it is`() {
        for text in ["", "plain", "Zoë", "日本", "👩‍👩‍👧", "می‌خواهم", #"back\slash"#] {
            #expect(PrintableText.escaping(text) == text)
        }
    }

    @Test func `text is decorated only where decoration is shown`() {
        #expect(Style(isTerminal: true, noColor: nil, terminalType: "xterm").apply(.bold, "a") == "\u{1B}[1ma\u{1B}[0m")
        #expect(Style(isTerminal: true, noColor: "", terminalType: "xterm").isEnabled)
        #expect(!Style(isTerminal: true, noColor: "1", terminalType: "xterm").isEnabled)
        #expect(!Style(isTerminal: true, noColor: nil, terminalType: "dumb").isEnabled)
        #expect(!Style(isTerminal: false, noColor: nil, terminalType: "xterm").isEnabled)
        #expect(Style.plain.apply(.red, "a") == "a")
    }

    @Test(arguments: [
        (Duration.zero, "now"), (.milliseconds(999), "now"), (.milliseconds(-999), "now"), (.seconds(1), "in 1 s"),
        (.seconds(59), "in 59 s"), (.seconds(60), "in 1 min"), (.seconds(779), "in 12 min"), (.seconds(3599), "in 59 min"),
        (.seconds(3600), "in 1 h"), (.seconds(7199), "in 1 h 59 min"), (.seconds(-10_900), "3 h ago"),
        (.seconds(-59), "59 s ago"), (.seconds(86_400), "in 1 d"), (.seconds(100_000), "in 1 d 3 h"),
        (.seconds(Int64.max), "in 106751991167300 d 15 h"), (.seconds(Int64.min), "106751991167300 d ago"),
    ])
    func `a time is told from now, rounded down`(offset: Duration, text: String) {
        #expect(RelativeTime.text(offset) == text)
    }

    @Test func `a length of time is told in one or two units`() {
        #expect(RelativeTime.length(.seconds(5400)) == "1 h 30 min")
        #expect(RelativeTime.length(.seconds(-5)) == "0 s")
        #expect(RelativeTime.length(.seconds(0)) == "0 s")
    }
}

struct TableTests {
    private func sample(_ reason: String) -> Table {
        var table = Table([.init("ID"), .init("LEFT", .trailing), .init("REASON", isFlexible: true)])
        table.add([Cell("r-1", .bold), "5 min", Cell(reason)])
        table.add(["r-22", "1 h", "x"])
        return table
    }
    private typealias Cell = Table.Cell

    @Test func `columns are aligned and lines end without blanks`() {
        #expect(sample("日本 disk").text(width: nil) == """
            ID     LEFT  REASON
            r-1   5 min  日本 disk
            r-22    1 h  x

            """)
    }

    @Test func `a line that fits exactly is not cut, and one column less is`() {
        let text = "disk is full!"
        #expect(sample(text).text(width: 13 + 13).contains(text))
        #expect(sample(text).text(width: 13 + 12).contains("disk is ful…\n"))
    }

    @Test func `columns that may not be cut are whole on the narrowest terminal`() {
        for width in [-1, 0, 1, 20] {
            #expect(sample("disk is full").text(width: width).contains("r-1   5 min  disk is…\n"))
        }
    }

    @Test func `of two flexible columns the wider one is cut first`() {
        var table = Table([.init("A", isFlexible: true), .init("B", isFlexible: true)])
        table.add([Cell(String(repeating: "a", count: 30)), Cell(String(repeating: "b", count: 10))])
        #expect(table.text(width: 32).contains(String(repeating: "a", count: 19) + "…  bbbbbbbbbb\n"))
        #expect(table.text(width: 20) == "A          B\naaaaaaaa…  bbbbbbbb…\n")
        #expect(table.text(width: 5) == "A         B\naaaaaaa…  bbbbbbb…\n")
    }

    @Test func `a cell from outside cannot leave its line`() {
        let text = sample("a\n\u{1B}[1mb").text(width: nil)
        #expect(text.contains(#"a\n\u{1b}[1mb"#))
        #expect(text.utf8.count { $0 == UInt8(ascii: "\n") } == 3)
    }

    @Test func `emphasis does not change the alignment`() {
        let style = Style(isEnabled: true)
        let line = sample("x").text(width: 80, style: style).split(separator: "\n")[1]
        #expect(line == "\u{1B}[1mr-1\u{1B}[0m   5 min  x")
    }

    @Test func `a row with a cell too few stops the program`() async {
        await #expect(processExitsWith: .failure) {
            var table = Table([.init("A"), .init("B")])
            table.add(["a"])
        }
    }
}
