// SPDX-License-Identifier: Apache-2.0
// SECURITY: a file means what its reader sees. Characters that hide or reorder text are refused
// even in comments, duplicate keys and unknown keys are errors.

/// A configuration file: JSON5 whose every value knows where it stands.
///
/// JSON5 as in its specification 1.0, without what has two readings or no use here: fractions,
/// `Infinity`, `NaN`, `-0`, `\x`, `\v` and `\0` escapes, keys without quotes that are not ASCII
/// names, white space other than space, tab and line feed (a carriage return before it may stand).
package struct JSON5Document: Sendable {
    /// As the caller named it, for messages.
    package let file: String
    package let root: JSON5Node

    /// - Parameter limits: unless told otherwise 1 MiB, room for a policy with every tag spelt out.
    package init(
        parsing text: [UInt8], file: String, limits: JSONLimits = JSONLimits(bytes: 1024 * 1024)
    ) throws(ConfigurationError) {
        self.file = file
        do throws(JSONError) {
            let source = try SourceText(text, limit: limits.bytes)
            try source.refuseInvisibleCharacters()
            var parser = JSON5Parser(text: source, depthLimit: limits.depth)
            self.root = try parser.parseDocument()
        } catch {
            throw ConfigurationError(error, file: file, line: error.line ?? 1, column: error.column ?? 1)
        }
    }

    /// The value of the whole file, without places: what is signed and sent.
    package var value: JSONValue { root.value }

    /// Reads the file with the same code that reads a message, and says where in the file an error is.
    ///
    /// - Parameter read: reads the members of the root, which must be an object. What it leaves
    ///   unread is an error.
    package func read<Value>(
        _ read: (inout ObjectReader) throws(JSONError) -> Value
    ) throws(ConfigurationError) -> Value {
        do throws(JSONError) {
            var reader = try ObjectReader(value)
            let result = try read(&reader)
            try reader.finish()
            return result
        } catch {
            throw locate(error)
        }
    }

    /// Turns an error about this document's ``value`` into one with line and column.
    package func locate(_ error: JSONError) -> ConfigurationError {
        let (line, column) = root.position(of: error.path ?? "", pointsAtKey: error.isAboutKey)
        return ConfigurationError(error, file: file, line: line, column: column)
    }
}

extension JSONError {
    /// Whether the key is wrong, rather than its value.
    fileprivate var isAboutKey: Bool {
        if case .unknownMember = kind { true } else { false }
    }
}

extension SourceText {
    /// Refuses characters that a reader cannot see or that change the order of those he sees
    /// (CVE-2021-42574), wherever they stand. In a string they can be written as escapes.
    func refuseInvisibleCharacters() throws(JSONError) {
        var offset = 0
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if isInvisible(scalar, at: offset) { throw error(.invisibleCharacter(scalar.value), at: offset) }
            offset += UTF8.width(scalar)
        }
    }

    private func isInvisible(_ scalar: UnicodeScalar, at offset: Int) -> Bool {
        switch scalar {
        case "\t", "\n", " "..."~": false
        case "\r": !bytes[offset...].starts(with: [0x0D, 0x0A])
        default:
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: true
            default: false
            }
        }
    }
}
