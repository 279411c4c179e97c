// SPDX-License-Identifier: Apache-2.0
import Terminal
import Testing

struct OutputSanitiserTests {
    private func sanitised(_ text: String) -> String { sanitised(Array(text.utf8)) }

    private func sanitised(_ bytes: [UInt8]) -> String {
        var sanitiser = OutputSanitiser()
        return String(decoding: sanitiser.feed(bytes), as: UTF8.self)
    }

    @Test(arguments: [
        "plain ünïcode ☃ 🎉\r\n\tx\u{8}",
        "\u{1b}[1;31mred\u{1b}[0m\u{1b}[m\u{1b}[38;2;1;2;3m\u{1b}[38:5:200m\u{1b}[4:3m",
        "\u{1b}[A\u{1b}[10;20H\u{1b}[5d\u{1b}[7G\u{1b}[2;3f\u{1b}[s\u{1b}[u\u{1b}7\u{1b}8\u{1b}D\u{1b}E\u{1b}M",
        "\u{1b}[J\u{1b}[2J\u{1b}[K\u{1b}[1K\u{1b}[3X\u{1b}[L\u{1b}[2M\u{1b}[P\u{1b}[@\u{1b}[S\u{1b}[2T\u{1b}[80b",
        "\u{1b}[3;20r\u{1b}[r", "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[?25h\u{1b}[?1049l\u{1b}[4h\u{1b}[4l",
    ])
    func `what draws is let through unchanged`(text: String) {
        #expect(sanitised(text) == text)
    }

    @Test(arguments: [
        // Titles, clipboard, links, notifications, colours of the palette, working directory.
        "\u{1b}]0;title\u{7}", "\u{1b}]52;c;ZXZpbA==\u{1b}\\", "\u{1b}]8;;http://x\u{1b}\\", "\u{1b}]9;hi\u{7}",
        "\u{1b}]4;1;?\u{7}", "\u{1b}]10;?\u{1b}\\", "\u{1b}]7;file://x\u{7}", "\u{1b}]1337;File=:AAAA\u{7}",
        // Device control, application, privacy, start of string.
        "\u{1b}P$q\"p\u{1b}\\", "\u{1b}P+q544e\u{1b}\\", "\u{1b}_Gx\u{1b}\\", "\u{1b}^x\u{1b}\\", "\u{1b}Xx\u{1b}\\",
        "\u{1b}Pq#0;2;0;0;0\u{7}more\u{1b}\\",
        // Queries.
        "\u{1b}[c", "\u{1b}[>c", "\u{1b}[=c", "\u{1b}[0c", "\u{1b}[5n", "\u{1b}[6n", "\u{1b}[?6n", "\u{1b}[?1$p",
        "\u{1b}[1$p", "\u{1b}Z", "\u{1b}[x", "\u{1b}[18t", "\u{1b}[21t", "\u{1b}[>q", "\u{1b}[?u",
        "\u{1b}[1;1;1;1;1;1*y",
        "\u{5}", "\u{1b}[1;2;3;4;5T",
        // Modes of keyboard, mouse and paste, and the printer.
        "\u{1b}[?1000h", "\u{1b}[?1006;1003h", "\u{1b}[?2004h", "\u{1b}[?1h", "\u{1b}=", "\u{1b}>", "\u{1b}[>4;2m",
        "\u{1b}[>1u", "\u{1b}[=1u", "\u{1b}[20h", "\u{1b}[12l", "\u{1b}[i", "\u{1b}[4i", "\u{1b}[?5i", "\u{1b}[1 q",
        // Resets, character sets, the viewer's own scroll-back, margins, tabulators, alignment.
        "\u{1b}c", "\u{1b}[!p", "\u{1b}(0", "\u{1b})B", "\u{1b}%G", "\u{1b}#8", "\u{1b}[3J", "\u{1b}[1;5s", "\u{1b}[3g",
        "\u{1b}H", "\u{e}", "\u{f}", "\u{7}", "\u{0}", "\u{7f}", "\u{b}", "\u{c}",
        // C1, as characters.
        "\u{9b}6n", "\u{9d}0;x\u{9c}", "\u{90}x\u{9c}", "\u{85}", "\u{84}",
        // Numbers that would keep a terminal busy.
        "\u{1b}[99999b", "\u{1b}[1000000000S", "\u{1b}[00001A",
    ])
    func `what does anything but drawing is dropped`(text: String) {
        let shown = sanitised(text)
        #expect(!shown.utf8.contains(0x1B), "\(shown.debugDescription)")
        #expect(shown.unicodeScalars.allSatisfy { (0x20...0x7E).contains($0.value) })
        #expect(sanitised("a" + text + "\u{1b}[mb").hasSuffix("\u{1b}[mb"))
    }

    @Test func `of several modes the harmless ones stay`() {
        #expect(sanitised("\u{1b}[?1000;25;2004;1049h") == "\u{1b}[?25;1049h")
    }

    @Test func `direction controls and invalid bytes show as replacement`() {
        #expect(sanitised("a\u{202e}b\u{2069}") == "a\u{fffd}b\u{fffd}")
        #expect(sanitised([0x61, 0xFF, 0x9B, 0x36, 0x6E]) == "a\u{fffd}\u{fffd}6n")
        #expect(sanitised([0xC2]) == "")
    }

    @Test func `a string that never ends does not hide the rest of the session`() {
        let hidden = String(repeating: "x", count: 64 * 1024 + 1)
        #expect(sanitised("\u{1b}]0;" + hidden + "shown").hasSuffix("shown"))
        #expect(sanitised("\u{1b}]0;title\u{18}shown") == "shown")
        #expect(sanitised("\u{1b}]0;title\u{1b}[1mshown") == "\u{1b}[1mshown")
    }

    @Test func `a broken sequence ends where a terminal would end it`() {
        #expect(sanitised("\u{1b}[12\u{18}x") == "x")
        #expect(sanitised("\u{1b}[1\u{1b}[2mx") == "\u{1b}[2mx")
        #expect(sanitised("\u{1b}[1\r\nmx") == "\r\n\u{1b}[1mx")
        #expect(sanitised("\u{1b}[1éx") == "éx")
        #expect(sanitised("\u{1b}\u{1b}[1mx") == "\u{1b}[1mx")
        #expect(sanitised("\u{1b}[" + String(repeating: "1;", count: 100) + "mx") == "x")
    }

    @Test func `the result does not depend on how the output was cut`() {
        let text = Array("é\u{1b}[1;31mx\u{1b}]0;t\u{7}☃\u{1b}[?1049;2004h\u{1b}Pq\u{1b}\\🎉\u{1b}[6n\u{202e}".utf8)
        var whole = OutputSanitiser()
        let expected = whole.feed(text)
        for cut in 0...text.count {
            var sanitiser = OutputSanitiser()
            #expect(sanitiser.feed(Array(text[..<cut])) + sanitiser.feed(Array(text[cut...])) == expected)
        }
        var byteByByte = OutputSanitiser()
        #expect(text.flatMap { byteByByte.feed([$0]) } == expected)
    }

    @Test func `random bytes give nothing but what is allowed, and a second pass changes nothing`() {
        let pieces: [[UInt8]] = [
            [0x1B], [0x1B, 0x5B], [0x3F], [0x3B], [0x9B], [0x1B, 0x5D], [0x07], [0x1B, 0x5C], [0x1B, 0x50],
        ]
        for _ in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<40 { bytes += Bool.random() ? pieces.randomElement() ?? [] : [UInt8.random(in: 0...255)] }
            var sanitiser = OutputSanitiser()
            let once = sanitiser.feed(bytes)
            #expect(String(validating: once, as: UTF8.self) != nil)
            var again = OutputSanitiser()
            #expect(again.feed(once) == once)
        }
    }

    @Test func `the reset leaves the alternate screen only when it was entered`() {
        var sanitiser = OutputSanitiser()
        let plain = String(decoding: sanitiser.resetSequence, as: UTF8.self)
        #expect(!plain.contains("1049") && plain.contains("\u{1b}[?25h"))
        _ = sanitiser.feed(Array("\u{1b}[?1049h".utf8))
        #expect(String(decoding: sanitiser.resetSequence, as: UTF8.self).hasPrefix("\u{1b}[?1049l"))
        _ = sanitiser.feed(Array("\u{1b}[?1049l".utf8))
        #expect(String(decoding: sanitiser.resetSequence, as: UTF8.self) == plain)
        #expect(sanitised(plain) == plain)
    }
}
