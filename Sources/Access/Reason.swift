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
        let visible = text.unicodeScalars.count { !$0.properties.isWhitespace && $0 != "\u{2800}" }  // blank Braille
        guard visible >= minimum else { throw .reasonTooShort(visible, minimum: minimum) }
    }

    package static func check(_ text: String) throws(Refusal) {
        guard text.unicodeScalars.count <= maximumLength else { throw .reasonTooLong(text.unicodeScalars.count) }
        if let bad = text.unicodeScalars.first(where: isForbidden) { throw .reasonHasControl(bad.value) }
    }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        // Fillers and variation selectors show nothing; only the two that choose between text and picture are in use.
        default: scalar.properties.isDefaultIgnorableCodePoint && scalar != "\u{FE0E}" && scalar != "\u{FE0F}"
        }
    }
}
