// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Terminal

@Suite struct ScreenStateTests {
    private func state(after text: String) -> ScreenState { state(after: Array(text.utf8)) }

    private func state(after bytes: [UInt8]) -> ScreenState {
        var state = ScreenState()
        bytes.withUnsafeBytes { state.feed($0) }
        return state
    }

    @Test(arguments: ["", "text\r\n", "\u{1B}[1;31mred\u{1B}[m", "\u{1B}]0;title\u{07}", "\u{1B}]0;title\u{1B}\\", "\u{1B}(B", "世界 é"])
    func `between sequences and characters there is room`(_ text: String) { #expect(state(after: text).isBetween) }

    @Test func `inside of a sequence or a character there is none`() {
        let whole = Array("\u{1B}[38;5;200m".utf8)
        for length in 1..<whole.count { #expect(!state(after: Array(whole[..<length])).isBetween) }
        for text in ["世", "é", "🛰"] {
            let bytes = Array(text.utf8)
            for length in 1..<bytes.count { #expect(!state(after: Array(bytes[..<length])).isBetween) }
        }
        for text in ["\u{1B}]0;title", "\u{1B}P1$r", "\u{1B}]0;title\u{1B}", "\u{1B}("] { #expect(!state(after: text).isBetween) }
    }

    @Test func `a byte that is no part of a character ends it`() {
        #expect(state(after: [0xE4, 0xB8, UInt8(ascii: "x")]).isBetween)
        #expect(!state(after: [0xE4, 0x1B]).isBetween)
    }

    @Test func `a full-screen program is known from entering to leaving`() {
        for mode in ["47", "1047", "1049", "1;1049"] {
            #expect(state(after: "\u{1B}[?\(mode)h").isFullScreen)
            #expect(!state(after: "\u{1B}[?\(mode)htext\u{1B}[?\(mode)l").isFullScreen)
        }
        for other in ["\u{1B}[?25h", "\u{1B}[1049h", "\u{1B}[?10490h", "\u{1B}[?2004h"] { #expect(!state(after: other).isFullScreen) }
    }

    @Test func `pieces may be cut anywhere`() {
        let bytes = Array("a\u{1B}[?1049h世\u{1B}]0;x\u{07}é".utf8)
        for cut in 0...bytes.count {
            var state = ScreenState()
            bytes[..<cut].withUnsafeBytes { state.feed($0) }
            bytes[cut...].withUnsafeBytes { state.feed($0) }
            #expect(state.isBetween && state.isFullScreen)
        }
    }
}
