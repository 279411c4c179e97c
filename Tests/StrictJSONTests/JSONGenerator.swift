// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed makes the same test on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension SeededGenerator {
    mutating func chance(_ one: Int, in many: Int) -> Bool { Int.random(in: 0..<many, using: &self) < one }

    /// A value that our parsers accept: no NUL in its strings, at most `depth` levels.
    mutating func value(depth: Int = 4) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &self) {
        case 0: return nil
        case 1: return .bool(.random(using: &self))
        case 2: return .integer(integer())
        case 3, 4: return .string(string())
        case 5: return .array((0..<Int.random(in: 0...4, using: &self)).map { _ in value(depth: depth - 1) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...5, using: &self) { object[string()] = .some(value(depth: depth - 1)) }
            return .object(object)
        }
    }

    private mutating func integer() -> Int64 {
        let edges: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        if chance(1, in: 4) { return edges.randomElement(using: &self) ?? 0 }
        return Int64.random(in: .min ... .max, using: &self) >> Int64.random(in: 0...62, using: &self)
    }

    private mutating func string() -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...6, using: &self) { text.append(scalar()) }
        return String(text)
    }

    private mutating func scalar() -> UnicodeScalar {
        let awkward: [UnicodeScalar] = [
            "\"", "\\", "/", "\u{1}", "\u{8}", "\n", "\u{1F}", "\u{7F}", "\u{80}", "é", "\u{301}", "\u{7FF}", "\u{800}",
            "\u{2028}", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}", "'", "$",
        ]
        if chance(1, in: 3) { return awkward.randomElement(using: &self) ?? "a" }
        return UnicodeScalar(UInt8.random(in: 0x61...0x7A, using: &self))
    }

    /// Changes a text in one to four places, as a damaged or hostile sender would.
    mutating func mutate(_ text: [UInt8], with tokens: [String]) -> [UInt8] {
        var text = text
        for _ in 0..<Int.random(in: 1...4, using: &self) {
            let place = Int.random(in: 0...text.count, using: &self)
            let end = min(text.count, place + Int.random(in: 0...4, using: &self))
            switch Int.random(in: 0..<6, using: &self) {
            case 0: text.insert(UInt8.random(in: 0...255, using: &self), at: place)
            case 1: text.removeSubrange(place..<end)
            case 2 where place < text.count: text[place] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 3: text.insert(contentsOf: text[place..<end], at: Int.random(in: 0...text.count, using: &self))
            case 4: text = Array(text.prefix(place)) + text.suffix(Int.random(in: 0...text.count, using: &self))
            default: text.insert(contentsOf: (tokens.randomElement(using: &self) ?? "").utf8, at: place)
            }
        }
        return text
    }
}
