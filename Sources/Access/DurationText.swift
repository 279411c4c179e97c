// SPDX-License-Identifier: Apache-2.0

/// Lengths of time as people write them: `45s`, `30m`, `1h30m`, `2d`.
package enum DurationText {
    /// The longest length a person may write: 366 days.
    package static let maximum: Duration = .seconds(366 * 86_400)

    /// Reads `[Nd][Nh][Nm][Ns]`, each unit at most once and in that order.
    ///
    /// - Throws: ``Refusal/durationMalformed(_:)`` for anything else: no sign, no fraction, no white space, no bare
    ///   number (nobody should have to guess its unit), nothing over ``maximum``.
    package static func parse(_ text: String) throws(Refusal) -> Duration {
        let units: [(letter: UInt8, seconds: Int64)] = [
            (UInt8(ascii: "d"), 86_400), (UInt8(ascii: "h"), 3600), (UInt8(ascii: "m"), 60), (UInt8(ascii: "s"), 1),
        ]
        var rest = Array(text.utf8)[...]
        var total: Int64 = 0
        var nextUnit = 0
        guard !rest.isEmpty, rest.count <= 24 else { throw .durationMalformed(text) }
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            guard (1...9).contains(digits.count), let letter = rest.dropFirst(digits.count).first,
                let unit = units[nextUnit...].firstIndex(where: { $0.letter == letter })
            else { throw .durationMalformed(text) }
            let number = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
            total += number * units[unit].seconds  // nine digits of days are under 10^14
            rest = rest.dropFirst(digits.count + 1)
            nextUnit = unit + 1
        }
        guard total <= maximum.wholeSeconds else { throw .durationMalformed(text) }
        return .seconds(total)
    }

    /// The shortest exact writing, `1h30m`; `0s` for nothing. Parts of a second are dropped.
    package static func format(_ duration: Duration) -> String {
        var seconds = max(0, duration.wholeSeconds)
        guard seconds > 0 else { return "0s" }
        var text = ""
        for (letter, length) in [("d", Int64(86_400)), ("h", 3600), ("m", 60), ("s", 1)] where seconds >= length {
            text += String(seconds / length) + letter
            seconds %= length
        }
        return text
    }
}
