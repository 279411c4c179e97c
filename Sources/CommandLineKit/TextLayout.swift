// SPDX-License-Identifier: Apache-2.0

/// Sets text of our own in lines.
enum TextLayout {
    /// Lines of at most `width` columns, broken at blanks. A longer word stands alone.
    static func wrap(_ text: String, to width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            if !line.isEmpty, DisplayWidth.of(line) + 1 + DisplayWidth.of(String(word)) > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        return line.isEmpty ? lines : lines + [line]
    }

    /// Paragraphs as they are separated by empty lines.
    static func paragraphs(_ text: String) -> [String] {
        text.split(separator: "\n" as Character, omittingEmptySubsequences: false)
            .split(whereSeparator: \.isEmpty).map { $0.joined(separator: " ") }
    }

    /// The text with single characters written as something else.
    static func substituting(_ substitutes: [Unicode.Scalar: String], in text: String) -> String {
        text.unicodeScalars.map { substitutes[$0] ?? String($0) }.joined()
    }

    /// Terms on the left, explanations beside them; a long term has its line for itself.
    ///
    /// - Parameter width: at least 40, so that the explanations have more than half of the line.
    static func definitions(_ items: [(term: String, meaning: String)], width: Int, style: Style) -> String {
        let longestBeside = min(26, width / 3)
        let fitting = items.map { DisplayWidth.of($0.term) }.filter { $0 <= longestBeside }
        let column = 2 + (fitting.max() ?? 0) + 2
        let indent = String(repeating: " ", count: column)
        return items.map { item in
            let lines = wrap(item.meaning, to: width - column)
            let used = 2 + DisplayWidth.of(item.term)
            let term = "  " + style.apply(.bold, item.term)
            let stands = used + 2 <= column
            let first = stands ? term + String(repeating: " ", count: column - used) + (lines.first ?? "") : term
            let others = stands ? lines.dropFirst() : lines[...]
            return ([first] + others.map { indent + $0 }).joined(separator: "\n") + "\n"
        }.joined()
    }
}
