// SPDX-License-Identifier: Apache-2.0
import Glibc
import Posix
import Terminal
import Testing

struct RawModeTests {
    private func localFlags(_ terminal: borrowing PseudoTerminal) throws -> tcflag_t {
        var modes = termios()
        try #require(tcgetattr(terminal.master.number, &modes) == 0)
        return modes.c_lflag & tcflag_t(ICANON | ECHO | ISIG)
    }

    @Test func `the modes of the terminal come back when the owner lets go, and when asked`() throws {
        let terminal = try PseudoTerminal(columns: 80, rows: 24)
        let before = try localFlags(terminal)
        #expect(before == tcflag_t(ICANON | ECHO | ISIG))
        do {
            let raw = try RawMode(terminal.master.number)
            #expect(try localFlags(terminal) == 0)
            _ = consume raw
        }
        #expect(try localFlags(terminal) == before)
        try RawMode(terminal.master.number).restore()
        #expect(try localFlags(terminal) == before)
    }

    @Test func `what is not a terminal has neither raw mode nor a size`() throws {
        let pipe = try Pipe()
        let number = pipe.reader.number
        #expect(throws: SystemError(call: "tcgetattr", errno: ENOTTY)) { _ = try RawMode(number) }
        #expect(throws: SystemError(call: "ioctl", errno: ENOTTY)) { _ = try WindowSize(of: number) }
    }

    @Test func `a terminal tells its size, and an unknown one counts as usual`() throws {
        let terminal = try PseudoTerminal(columns: 132, rows: 43)
        #expect(try WindowSize(of: terminal.master.number) == WindowSize(columns: 132, rows: 43))
        try terminal.setWindowSize(columns: 0, rows: 0)
        #expect(try WindowSize(of: terminal.master.number) == .usual)
    }
}

struct EscapeKeysTests {
    private func parts(_ pieces: [String]) -> [String] {
        var keys = EscapeKeys()
        var segments = pieces.flatMap { keys.feed(Array($0.utf8)) }
        segments += keys.finish()
        return segments.map { segment in
            switch segment {
            case .forward(let bytes): String(decoding: bytes, as: UTF8.self)
            case .command(let command): "<\(command)>"
            }
        }
    }

    @Test(arguments: [
        (["~."], ["<end>"]),
        (["ls\r", "~", "?"], ["ls\r", "<help>"]),
        (["a~."], ["a~."]),
        (["~~."], ["~."]),
        (["~~~."], ["~~."]),
        (["~x"], ["~x"]),
        (["~", "\r~t"], ["~\r", "<timeLeft>"]),
        (["\n~+~."], ["\n", "<moreTime>", "<end>"]),
        (["~"], ["~"]),
        (["", "x", "~."], ["x", "~."]),
        (["~é"], ["~é"]),
    ])
    func `a tilde is a command at the start of a line only`(pieces: [String], expected: [String]) {
        #expect(parts(pieces) == expected)
    }

    @Test func `what is forwarded does not depend on how the input was cut`() {
        let text = "one~.\r~~two\n~z~.\r~"
        let whole = parts([text]).joined()
        #expect(whole == "one~.\r~two\n~z~.\r~")
        #expect(parts(text.map { String($0) }).joined() == whole)
    }
}

struct DisplayTextTests {
    @Test(arguments: [
        ("plain, ünïcode ☃ 🎉", "plain, ünïcode ☃ 🎉"), ("\u{1b}[31mred", "\\x1b[31mred"),
        ("a\nb\tc\0", "a\\x0ab\\x09c\\x00"),
        ("\u{7f}\u{9b}2J", "\\x7f\\u{9b}2J"), ("abc\u{202e}cba\u{2066}", "abc\\u{202e}cba\\u{2066}"),
        ("a\u{200b}b\u{feff}\u{2028}", "a\\u{200b}b\\u{feff}\\u{2028}"), ("tag\u{e0041}", "tag\\u{e0041}"), ("", ""),
    ])
    func `what is not seen is made visible`(text: String, expected: String) {
        #expect(DisplayText.escaped(text) == expected)
    }

    @Test(
        arguments: [
            ([0xFF, 0x41], "\\xffA"), ([0xC0, 0x80], "\\xc0\\x80"), ([0xE2, 0x98], "\\xe2\\x98"),
            ([0xED, 0xA0, 0x80], "\\xed\\xa0\\x80"), ([0xF4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"),
        ] as [([UInt8], String)])
    func `each byte that is not UTF-8 is made visible`(bytes: [UInt8], expected: String) {
        #expect(DisplayText.escaped(bytes) == expected)
    }
}
