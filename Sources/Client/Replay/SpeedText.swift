// SPDX-License-Identifier: Apache-2.0

/// How fast a recording is played, in hundredths.
enum SpeedText {
    /// Reads `2`, `0.5` or `1.25`; `0` is at once.
    static func parse(_ text: String) -> Int? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = number(parts[0], digits: 1...4) else { return nil }
        let fraction = parts.count == 2 ? parts[1] : "00".utf8[...]
        guard let hundredths = number(fraction, digits: 1...2) else { return nil }
        let speed = whole * 100 + (fraction.count == 1 ? hundredths * 10 : hundredths)
        return speed == 0 || Playback.speeds.contains(speed) ? speed : nil
    }

    static func format(_ speed: Int) -> String {
        let rest = speed % 100
        if rest == 0 { return String(speed / 100) }
        return "\(speed / 100)." + (rest % 10 == 0 ? String(rest / 10) : (rest < 10 ? "0\(rest)" : String(rest)))
    }

    private static func number(_ digits: Substring.UTF8View, digits count: ClosedRange<Int>) -> Int? {
        guard count.contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }
}
