// SPDX-License-Identifier: Apache-2.0
// SECURITY: a list of what is allowed. See `OutputSanitiser`.

/// The part of a CSI sequence between `ESC [` and its final byte, and whether the whole draws only (ECMA-48 §5.4;
/// the names are those of xterm's ctlseqs).
struct ControlSequence: Equatable {
    struct Allowed: Equatable {
        /// The sequence, perhaps with fewer parameters; empty when nothing of it is allowed.
        var bytes: [UInt8] = []
        /// Set when it enters or leaves the alternate screen.
        var alternateScreen: Bool?
    }

    /// More is no sequence that a program means; SGR with colours for everything stays below.
    private static let maximumLength = 128

    private var body: [UInt8] = []
    private var isTooLong = false

    mutating func append(_ byte: UInt8) {
        if body.count < Self.maximumLength { body.append(byte) } else { isTooLong = true }
    }

    func allowed(final: UInt8) -> Allowed {
        guard !isTooLong else { return Allowed() }
        if body.first == UInt8(ascii: "?") { return privateMode(final) }
        let isPlain = body.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ";") }
        let isAllowed: Bool
        switch final {
        // CUU CUD CUF CUB CNL CPL CHA CUP CHT CBT HPA HPR VPA VPR HVP: cursor. EL ECH IL DL DCH ICH SU SD: lines
        // and characters. REP: repeat. DECSTBM: scroll region.
        case UInt8(ascii: "A")...UInt8(ascii: "I"), UInt8(ascii: "Z"), UInt8(ascii: "`"), UInt8(ascii: "a"),
            UInt8(ascii: "d"), UInt8(ascii: "e"), UInt8(ascii: "f"), UInt8(ascii: "K"), UInt8(ascii: "X"),
            UInt8(ascii: "L"), UInt8(ascii: "M"), UInt8(ascii: "P"), UInt8(ascii: "@"), UInt8(ascii: "b"),
            UInt8(ascii: "r"):
            isAllowed = isPlain && hasShortNumbers
        // With five parameters T is highlight tracking, which lets the terminal send.
        case UInt8(ascii: "S"), UInt8(ascii: "T"):
            isAllowed = isPlain && hasShortNumbers && !body.contains(UInt8(ascii: ";"))
        // ED. 3 would erase what the viewer had on their screen before.
        case UInt8(ascii: "J"): isAllowed = ["", "0", "1", "2"].contains(String(decoding: body, as: UTF8.self))
        // SGR, whose colours may be written with colons.
        case UInt8(ascii: "m"): isAllowed = body.allSatisfy { (0x30...0x3B).contains($0) } && hasShortNumbers
        // Save and restore the cursor; with parameters `s` sets margins.
        case UInt8(ascii: "s"), UInt8(ascii: "u"): isAllowed = body.isEmpty
        // IRM, insert or replace.
        case UInt8(ascii: "h"), UInt8(ascii: "l"): isAllowed = body == [UInt8(ascii: "4")]
        default: isAllowed = false
        }
        return isAllowed ? Allowed(bytes: [0x1B, UInt8(ascii: "[")] + body + [final]) : Allowed()
    }

    /// DECSET and DECRST, with those modes only that change what is drawn.
    private func privateMode(_ final: UInt8) -> Allowed {
        guard final == UInt8(ascii: "h") || final == UInt8(ascii: "l") else { return Allowed() }
        // Origin, wrap, cursor shown, alternate screen in its four forms.
        let drawing = ["6", "7", "25", "47", "1047", "1048", "1049"]
        let modes = body.dropFirst().split(separator: UInt8(ascii: ";")).map { String(decoding: $0, as: UTF8.self) }
        let kept = modes.filter(drawing.contains)
        guard !kept.isEmpty else { return Allowed() }
        var allowed = Allowed(bytes: Array(("\u{1b}[?" + kept.joined(separator: ";")).utf8) + [final])
        if !Set(kept).isDisjoint(with: ["47", "1047", "1049"]) { allowed.alternateScreen = final == UInt8(ascii: "h") }
        return allowed
    }

    /// Repeating a character a billion times would hang a terminal.
    private var hasShortNumbers: Bool {
        body.split { !(0x30...0x39).contains($0) }.allSatisfy { $0.count <= 4 }
    }
}
