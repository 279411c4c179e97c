// SPDX-License-Identifier: Apache-2.0

/// Text that a person writes for others to read: a reason, a note.
///
/// Refused when given rather than repaired when shown: nothing that moves a cursor, hides, or reverses reading
/// direction ever gets in (SECURITY 1.1, "Reason and comment as weapon").
package enum HumanText {
    package static let maximumLength = 1000

    /// - Parameter minimum: characters that are not white space.
    /// - Throws: ``Refusal/reasonTooShort(_:minimum:)``, ``Refusal/reasonTooLong(_:)``,
    ///   ``Refusal/reasonHasControl(_:)``
    package static func check(reason text: String, minimum: Int) throws(Refusal) {
        try check(text)
        let visible = text.unicodeScalars.count(where: isVisible)
        guard visible >= minimum else { throw .reasonTooShort(visible, minimum: minimum) }
    }

    package static func check(_ text: String) throws(Refusal) {
        guard text.unicodeScalars.count <= maximumLength else { throw .reasonTooLong(text.unicodeScalars.count) }
        if let bad = text.unicodeScalars.first(where: isForbidden) { throw .reasonHasControl(bad.value) }
    }

    /// - Parameter scalar: not forbidden.
    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar != " " }
        return !scalar.properties.isWhitespace && scalar != "\u{2800}"  // blank Braille
    }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        // What the tables below say of ASCII, without asking them: every vote decides again about the reason.
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
        // Fillers and variation selectors show nothing; only the two that choose between text and picture are in use.
        default: return scalar.properties.isDefaultIgnorableCodePoint && scalar != "\u{FE0E}" && scalar != "\u{FE0F}"
        }
    }
}
