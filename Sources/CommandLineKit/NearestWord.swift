// SPDX-License-Identifier: Apache-2.0

/// Finds the known word that somebody probably meant.
enum NearestWord {
    /// Longer words than this are not slips of the finger, and comparing them costs the square of their length.
    static let longest = 40

    /// The closest of the known words, or nil when none is close enough to be worth suggesting.
    static func to(_ word: String, among known: [String]) -> String? {
        let typed = Array(word.utf8.prefix(longest + 1))
        guard typed.count >= 2, typed.count <= longest else { return nil }
        // A unique beginning (`--rea`) is a better guess than the fewest edits.
        let begun = known.filter { $0.utf8.starts(with: typed) }
        if begun.count == 1 { return begun.first }
        let scored = known.map { (word: $0, edits: edits(from: typed, to: Array($0.utf8))) }
        let best = scored.min { $0.edits < $1.edits }
        return best.flatMap { $0.edits <= max(1, typed.count / 3) ? $0.word : nil }
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func edits(from a: [UInt8], to b: [UInt8]) -> Int {
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                let replaced = last[j] + (a[i] == b[j] ? 0 : 1)
                var fewest = min(replaced, last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    fewest = min(fewest, beforeLast[j - 1] + 1)
                }
                row.append(fewest)
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}
