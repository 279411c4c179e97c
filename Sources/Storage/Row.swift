// SPDX-License-Identifier: Apache-2.0

/// One row of a result, read by column name.
///
/// A column that is missing, or holds another type than asked for, throws
/// ``StorageError/unexpectedValue(column:expected:)``: either the query or the database is not what we think.
package struct Row: Sendable {
    let columns: [String]
    let values: [SQLValue]

    package func integer(_ column: String) throws(StorageError) -> Int64 {
        guard let value = try optionalInteger(column) else { throw mismatch(column, "an integer") }
        return value
    }

    package func optionalInteger(_ column: String) throws(StorageError) -> Int64? {
        switch try value(column) {
        case .null: nil
        case .integer(let integer): integer
        case .text, .blob: throw mismatch(column, "an integer")
        }
    }

    package func text(_ column: String) throws(StorageError) -> String {
        guard let value = try optionalText(column) else { throw mismatch(column, "a text") }
        return value
    }

    package func optionalText(_ column: String) throws(StorageError) -> String? {
        switch try value(column) {
        case .null: nil
        case .text(let text): text
        case .integer, .blob: throw mismatch(column, "a text")
        }
    }

    package func blob(_ column: String) throws(StorageError) -> [UInt8] {
        guard let value = try optionalBlob(column) else { throw mismatch(column, "bytes") }
        return value
    }

    package func optionalBlob(_ column: String) throws(StorageError) -> [UInt8]? {
        switch try value(column) {
        case .null: nil
        case .blob(let bytes): bytes
        case .integer, .text: throw mismatch(column, "bytes")
        }
    }

    package func value(_ column: String) throws(StorageError) -> SQLValue {
        guard let index = columns.firstIndex(of: column) else { throw mismatch(column, "anything: it is not in the result") }
        return values[index]
    }

    private func mismatch(_ column: String, _ expected: String) -> StorageError {
        .unexpectedValue(column: column, expected: expected)
    }
}
