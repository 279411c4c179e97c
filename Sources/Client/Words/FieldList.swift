// SPDX-License-Identifier: Apache-2.0

import Terminal

/// Labels and values under each other. Values are of others, so each is escaped; lines of our own words are not.
struct FieldList {
    private var rows: [(label: String, value: String)] = []

    mutating func add(_ label: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        rows.append((label, DisplayText.escaped(value)))
    }

    /// One value a line, the label on the first.
    mutating func add(_ label: String, each values: [String]) {
        for (index, value) in values.enumerated() { add(index == 0 ? label : "", value) }
    }

    var text: String {
        let width = rows.map(\.label.count).max() ?? 0
        return rows.map { row in
            "  \(row.label)\(String(repeating: " ", count: width - row.label.count))  \(row.value)\n"
        }.joined()
    }
}
