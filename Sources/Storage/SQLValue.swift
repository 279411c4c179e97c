// SPDX-License-Identifier: Apache-2.0

/// A value that goes into a statement or comes out of a row. There is no floating point in our tables.
package enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

extension SQLValue {
    /// The text, or NULL for none.
    package init(_ text: String?) {
        self = text.map { .text($0) } ?? .null
    }

    /// The integer, or NULL for none.
    package init(_ integer: Int64?) {
        self = integer.map { .integer($0) } ?? .null
    }

    /// The bytes, or NULL for none.
    package init(_ blob: [UInt8]?) {
        self = blob.map { .blob($0) } ?? .null
    }
}
