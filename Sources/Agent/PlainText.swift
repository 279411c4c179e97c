// SPDX-License-Identifier: Apache-2.0
// SECURITY: words of the system or of the broker enter a signed receipt or the log only after this.

/// Text from elsewhere, made fit for one line that people read.
enum PlainText {
    /// Replaces what does not print, and cuts what is too long: the receipt's own limit is 1000 characters.
    static func cleaned(_ text: String, maximum: Int = 900) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(maximum) { result.append(isPrintable(scalar) ? scalar : "?") }
        return String(result)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
