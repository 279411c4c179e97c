// SPDX-License-Identifier: Apache-2.0

/// Rows under headings, fitted to a terminal.
///
/// Cells are text from outside: each is escaped (``PrintableText``) before it is measured and shown.
package struct Table: Sendable {
    package enum Alignment: Sendable { case leading, trailing }

    package struct Column: Sendable {
        package let title: String
        package let alignment: Alignment
        /// May be cut with `…` when the line is too long for the terminal.
        package let isFlexible: Bool

        package init(_ title: String, _ alignment: Alignment = .leading, isFlexible: Bool = false) {
            self.title = title
            self.alignment = alignment
            self.isFlexible = isFlexible
        }
    }

    package struct Cell: Sendable, ExpressibleByStringLiteral {
        let text: String
        let emphasis: Emphasis?

        package init(_ text: String, _ emphasis: Emphasis? = nil) {
            self.text = PrintableText.escaping(text)
            self.emphasis = emphasis
        }

        package init(stringLiteral value: String) {
            self.init(value)
        }
    }

    /// Columns between two columns.
    private static let gap = 2
    /// A flexible column is not cut below this: less tells nobody anything.
    private static let narrowest = 8

    private let columns: [Column]
    private var rows: [[Cell]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    package var isEmpty: Bool { rows.isEmpty }

    /// - Precondition: one cell for each column.
    package mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count, "a row of \(cells.count) cells in \(columns.count) columns")
        rows.append(cells)
    }

    /// The table as lines, each ended by a newline.
    ///
    /// - Parameter width: the columns of the terminal; nil cuts nothing.
    package func text(width: Int?, style: Style = .plain) -> String {
        let widths = fitted(to: width)
        let heading = line(columns.map { Cell($0.title, .bold) }, widths, style)
        return rows.reduce(heading) { $0 + line($1, widths, style) }
    }

    /// The natural widths, with flexible columns narrowed, the widest first, until the line fits or all are
    /// at their narrowest.
    private func fitted(to width: Int?) -> [Int] {
        var widths = columns.indices.map { column in
            rows.reduce(DisplayWidth.of(columns[column].title)) { max($0, DisplayWidth.of($1[column].text)) }
        }
        guard let width else { return widths }
        let gaps = Self.gap * max(0, columns.count - 1)
        var surplus = widths.reduce(gaps, +) - width
        while surplus > 0, let widest = widestToCut(widths) {
            let rival = columns.indices.filter { $0 != widest && isCuttable($0, widths) }.map { widths[$0] }.max()
            // Down to its rival and one past it, so that the next round narrows the rival in turn.
            let floor = max(floor(of: widest), (rival ?? 0) - 1)
            let cut = min(surplus, max(1, widths[widest] - floor))
            widths[widest] -= cut
            surplus -= cut
        }
        return widths
    }

    private func widestToCut(_ widths: [Int]) -> Int? {
        columns.indices.filter { isCuttable($0, widths) }.max { widths[$0] < widths[$1] }
    }

    private func isCuttable(_ column: Int, _ widths: [Int]) -> Bool {
        columns[column].isFlexible && widths[column] > floor(of: column)
    }

    private func floor(of column: Int) -> Int {
        max(Self.narrowest, DisplayWidth.of(columns[column].title))
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
        var line = ""
        for (column, cell) in cells.enumerated() {
            let text = DisplayWidth.truncate(cell.text, to: widths[column])
            let padding = String(repeating: " ", count: max(0, widths[column] - DisplayWidth.of(text)))
            let shown = cell.emphasis.map { style.apply($0, text) } ?? text
            let isLast = column == cells.count - 1
            switch columns[column].alignment {
            case .leading: line += isLast ? shown : shown + padding
            case .trailing: line += padding + shown
            }
            if !isLast { line += String(repeating: " ", count: Self.gap) }
        }
        // A short last cell would leave blanks at the end of the line.
        while line.utf8.last == UInt8(ascii: " ") { line.unicodeScalars.removeLast() }
        return line + "\n"
    }
}
