// SPDX-License-Identifier: Apache-2.0

/// Sequences for the title of the operator's own terminal window (the names are those of xterm's ctlseqs).
package enum WindowTitle {
    package static let save = Array("\u{1B}[22;2t".utf8)
    package static let restore = Array("\u{1B}[23;2t".utf8)

    /// - Parameter text: what is not printable is shown as it is written in lists.
    package static func set(_ text: String) -> [UInt8] {
        Array("\u{1B}]2;".utf8) + Array(DisplayText.escaped(text).utf8.prefix(200)) + [0x07]
    }

    /// Whether a terminal of this type has a title. One that does not know the sequences would show them.
    package static func exists(on type: String) -> Bool {
        let known = ["xterm", "screen", "tmux", "rxvt", "alacritty", "foot", "kitty", "wezterm", "konsole", "gnome", "st-"]
        return known.contains { type.utf8.starts(with: $0.utf8) }
    }
}
