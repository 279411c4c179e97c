// SPDX-License-Identifier: Apache-2.0
// SECURITY: whatever a name or a reason holds, it stays inside its field: an entry is one line, and no part of it is taken
// for another field or another entry.

package import Evidence
import Access
import StrictJSON

/// How entries of the ledger are written for other programs. Each entry is one line.
package enum LedgerFormat: String, Sendable, CaseIterable {
    /// JSON lines: every field, as the hashes were computed.
    case json
    /// ArcSight Common Event Format, version 0.
    case cef
    /// RFC 5424, without a frame.
    case syslog

    /// The private enterprise number of the structured data: that of examples (RFC 5612), since Stint has none.
    private static let enterprise = "stint@32473"
    /// Facility 13, log audit (RFC 5424 §6.2.1).
    private static let facility = 13

    /// What an administrator might want to be woken for.
    private static let warnings: Set<String> = [
        "session.unconfirmed", "grant.revoked", "roll.disabling", "roll.charter", "proposal.made", "quota.full", "quota.warning", "recording.deleted",
        "hold.removed",
    ]

    /// - Parameter host: of the broker; for syslog.
    package func line(_ entry: LedgerEntry, host: String) -> String {
        switch self {
        case .json: Self.json(entry)
        case .cef: Self.cef(entry)
        case .syslog: Self.syslog(entry, host)
        }
    }

    private static func json(_ entry: LedgerEntry) -> String {
        let text = JSONValue.object([
            "number": .integer(entry.number), "at": .string(entry.at.description), "atMilliseconds": .integer(entry.at.milliseconds),
            "event": .string(entry.event), "subject": .string(entry.subject), "actor": .string(entry.actor),
            "body": .string(entry.body), "previous": .string(entry.previous.hex), "hash": .string(entry.hash.hex),
        ]).text
        // JSON leaves these as they are; a terminal, or a reader of lines, does not.
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029 {
                let digits = String(scalar.value, radix: 16)
                escaped += ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).unicodeScalars
            } else {
                escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    // MARK: CEF

    private static func cef(_ entry: LedgerEntry) -> String {
        let header = [
            "CEF:0", "Stint", "stintd", Version.text, entry.event, entry.event.exchanging(".", for: " "), warnings.contains(entry.event) ? "6" : "3",
        ].map(cefHeader).joined(separator: "|")
        var fields = [("rt", String(entry.at.milliseconds)), ("externalId", String(entry.number))]
        if !entry.actor.isEmpty { fields.append(("suser", entry.actor)) }
        fields += [("cs1Label", "subject"), ("cs1", entry.subject), ("cs2Label", "hash"), ("cs2", entry.hash.hex), ("msg", entry.body)]
        return header + "|" + fields.map { $0.0 + "=" + cefValue($0.1) }.joined(separator: " ")
    }

    /// In the header `|` ends a field; it has no line breaks.
    private static func cefHeader(_ text: String) -> String {
        escape(text) { scalar in
            switch scalar {
            case "\\": "\\\\"
            case "|": "\\|"
            case "\n", "\r": " "
            default: nil
            }
        }
    }

    /// In the extension `=` ends a key.
    private static func cefValue(_ text: String) -> String {
        escape(text) { scalar in
            switch scalar {
            case "\\": "\\\\"
            case "=": "\\="
            case "\n": "\\n"
            case "\r": "\\r"
            default: nil
            }
        }
    }

    // MARK: Syslog

    private static func syslog(_ entry: LedgerEntry, _ host: String) -> String {
        let severity = warnings.contains(entry.event) ? 4 : 5
        let data = [
            ("number", String(entry.number)), ("subject", entry.subject), ("actor", entry.actor), ("hash", entry.hash.hex),
        ].map { " \($0.0)=\"\(parameter($0.1))\"" }.joined()
        let head = "<\(facility * 8 + severity)>1 \(entry.at) \(name(host, 255)) stintd - \(name(entry.event, 32))"
        // The byte order mark says that the message is UTF-8 (§6.4).
        return "\(head) [\(enterprise)\(data)] \u{FEFF}\(escape(entry.body) { _ in nil })"
    }

    /// PARAM-VALUE (§6.3.3).
    private static func parameter(_ text: String) -> String {
        escape(text) { scalar in scalar == "\"" || scalar == "\\" || scalar == "]" ? "\\" + String(scalar) : nil }
    }

    /// PRINTUSASCII without spaces, `-` for nothing.
    private static func name(_ text: String, _ maximum: Int) -> String {
        let bytes = text.utf8.filter { (0x21...0x7E).contains($0) }.prefix(maximum)
        return bytes.isEmpty ? "-" : String(decoding: bytes, as: UTF8.self)
    }

    /// Replaces what `replacement` knows, and every other control character by a space: a line stays a line.
    private static func escape(_ text: String, _ replacement: (Unicode.Scalar) -> String?) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let other = replacement(scalar) {
                escaped += other.unicodeScalars
            } else if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029 {
                escaped.append(" ")
            } else {
                escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}

extension String {
    fileprivate func exchanging(_ scalar: Unicode.Scalar, for other: Unicode.Scalar) -> String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0 == scalar ? other : $0 }))
    }
}
