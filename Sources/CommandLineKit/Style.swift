// SPDX-License-Identifier: Apache-2.0

/// How a piece of text stands out, where the output is a terminal that shows it.
package enum Emphasis: Int, Sendable {
    // The numbers of ECMA-48, Select Graphic Rendition.
    case bold = 1
    case dim = 2
    case red = 31
    case green = 32
    case yellow = 33
    case cyan = 36
}

/// Whether text is decorated at all. Colour never carries meaning alone.
package struct Style: Sendable, Equatable {
    package static let plain = Style(isEnabled: false)

    package let isEnabled: Bool

    package init(isEnabled: Bool) {
        self.isEnabled = isEnabled
    }

    /// Decorates only on a terminal that can, and whose user has not asked for none (no-color.org).
    package init(isTerminal: Bool, noColor: String?, terminalType: String?) {
        isEnabled = isTerminal && (noColor ?? "").isEmpty && terminalType != "dumb"
    }

    package func apply(_ emphasis: Emphasis, _ text: String) -> String {
        isEnabled && !text.isEmpty ? "\u{1B}[\(emphasis.rawValue)m\(text)\u{1B}[0m" : text
    }
}
