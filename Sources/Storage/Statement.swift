// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Glibc

/// One prepared statement of one connection; used by that connection's owner only, one use at a time.
final class Statement {
    private let handle: OpaquePointer
    private let connection: OpaquePointer
    private let columns: [String]

    /// - Parameter text: NUL-terminated SQL, one statement.
    init(_ text: StaticString, on connection: OpaquePointer) throws(StorageError) {
        guard text.hasPointerRepresentation else {
            throw .failed(code: SQLITE_MISUSE, detail: "a statement of one character")
        }
        var prepared: OpaquePointer?
        var rest: UnsafePointer<CChar>?
        let start = UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
        let code = sqlite3_prepare_v3(
            connection, start, Int32(clamping: text.utf8CodeUnitCount), UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, &rest)
        guard code == SQLITE_OK else { throw StorageError(result: code, of: connection) }
        guard let prepared else { throw .failed(code: SQLITE_MISUSE, detail: "an empty statement") }
        self.handle = prepared
        self.connection = connection
        self.columns = (0..<sqlite3_column_count(prepared)).map { index in
            sqlite3_column_name(prepared, index).map { String(cString: $0) } ?? ""
        }
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// Runs the statement to its end, handing each row to `body`, and leaves it ready for its next use.
    func run(_ bindings: [SQLValue], _ body: (Row) throws -> Void) throws {
        defer { reset() }
        try bind(bindings)
        while try step() { try body(try row()) }
    }

    /// Runs the statement to its end; rows it may return are dropped.
    func run(_ bindings: [SQLValue]) throws(StorageError) {
        defer { reset() }
        try bind(bindings)
        while try step() {}
    }

    /// All rows, at most `limit` of them: what lies behind is never computed.
    func rows(_ bindings: [SQLValue], limit: Int = .max) throws(StorageError) -> [Row] {
        defer { reset() }
        try bind(bindings)
        var rows: [Row] = []
        while rows.count < limit, try step() { rows.append(try row()) }
        return rows
    }

    /// Bindings are cleared as well, so that what they hold does not outlive its use.
    private func reset() {
        sqlite3_reset(handle)  // repeats the error of the last step, which has been thrown already
        sqlite3_clear_bindings(handle)
    }

    private func step() throws(StorageError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw StorageError(result: code, of: connection)
        }
    }

    private func bind(_ values: [SQLValue]) throws(StorageError) {
        let expected = Int(sqlite3_bind_parameter_count(handle))
        guard values.count == expected else {
            throw .failed(code: SQLITE_RANGE, detail: "\(values.count) values for \(expected) parameters")
        }
        for (offset, value) in values.enumerated() {
            let code = try bind(value, at: Int32(clamping: offset + 1))
            guard code == SQLITE_OK else { throw StorageError(result: code, of: connection) }
        }
    }

    private func bind(_ value: SQLValue, at index: Int32) throws(StorageError) -> Int32 {
        switch value {
        case .null:
            return sqlite3_bind_null(handle, index)
        case .integer(let integer):
            return sqlite3_bind_int64(handle, index, integer)
        case .text(let text):
            // SQLite's functions stop at a NUL, so the schema's checks would judge another text than is stored.
            guard !Self.hasNUL(text) else { throw .nulInText }
            return sqlite3_bind_text64(
                handle, index, text, UInt64(text.utf8.count), stint_sqlite_transient(), UInt8(SQLITE_UTF8))
        case .blob(let bytes):
            // An empty array may have no address, and SQLite takes no address for NULL.
            guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, index, 0) }
            return sqlite3_bind_blob64(handle, index, bytes, UInt64(bytes.count), stint_sqlite_transient())
        }
    }

    /// By memchr(3): the standard library looks at each byte by itself.
    private static func hasNUL(_ text: String) -> Bool {
        let found = text.utf8.withContiguousStorageIfAvailable { bytes in
            bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
        }
        return found ?? text.utf8.contains(0)
    }

    private func row() throws(StorageError) -> Row {
        var values: [SQLValue] = []
        values.reserveCapacity(columns.count)
        for (offset, column) in columns.enumerated() {
            values.append(try value(at: Int32(clamping: offset), column: column))
        }
        return Row(columns: columns, values: values)
    }

    private func value(at index: Int32, column: String) throws(StorageError) -> SQLValue {
        switch sqlite3_column_type(handle, index) {
        case SQLITE_NULL:
            return .null
        case SQLITE_INTEGER:
            return .integer(sqlite3_column_int64(handle, index))
        case SQLITE_TEXT:
            guard let start = sqlite3_column_text(handle, index) else { throw .failed(code: SQLITE_NOMEM, detail: "out of memory") }
            let bytes = UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, index)))
            // Repaired text would no longer be the bytes that were signed.
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw .unexpectedValue(column: column, expected: "valid UTF-8")
            }
            return .text(text)
        case SQLITE_BLOB:
            let bytes = UnsafeRawBufferPointer(
                start: sqlite3_column_blob(handle, index), count: Int(sqlite3_column_bytes(handle, index)))
            return .blob([UInt8](bytes))
        default:
            throw .unexpectedValue(column: column, expected: "an integer, a text or bytes")
        }
    }

    static func lastMessage(of connection: OpaquePointer) -> String {
        sqlite3_errmsg(connection).map { String(cString: $0) } ?? "unknown"
    }
}
