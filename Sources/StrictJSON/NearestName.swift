// SPDX-License-Identifier: Apache-2.0

extension String {
    /// Which of `candidates` the writer probably meant; nil when none is near.
    ///
    /// Near is what at most a third of the longer name must be changed for (one letter at least),
    /// letters' case aside. Of equally near ones the first wins. Names over 64 bytes have no neighbours:
    /// the comparison takes time in the product of the lengths.
    package func nearest(among candidates: some Sequence<String>) -> String? {
        let wanted = Array(lowercased().utf8)
        guard wanted.count <= 64 else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let other = Array(candidate.lowercased().utf8)
            guard other.count <= 64 else { continue }
            let distance = editDistance(wanted, other)
            guard distance <= max(1, max(wanted.count, other.count) / 3) else { continue }
            if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
        }
        return best?.name
    }
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour
/// (Damerau-Levenshtein, optimal string alignment).
private func editDistance(_ one: [UInt8], _ other: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...other.count)
    for row in 0..<one.count {
        var current = [row + 1]
        for column in 0..<other.count {
            let replaced = last[column] + (one[row] == other[column] ? 0 : 1)
            var cost = min(replaced, last[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, one[row] == other[column - 1], one[row - 1] == other[column] {
                cost = min(cost, beforeLast[column - 1] + 1)
            }
            current.append(cost)
        }
        (beforeLast, last) = (last, current)
    }
    return last[other.count]
}
