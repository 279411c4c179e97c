// SPDX-License-Identifier: Apache-2.0

import CSQLite
import StrictJSON

/// A database that is only read. Nothing is shared with the code that writes it.
final class DatabaseReader {
    private let handle: OpaquePointer

    init(_ path: String) throws(VerifierError) {
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let opened else {
            sqlite3_close_v2(opened)
            throw .cannotRead(path: path)
        }
        handle = opened
        sqlite3_busy_timeout(handle, 5000)
        // One snapshot for all questions.
        try each("BEGIN") { _ in }
    }

    deinit { sqlite3_close_v2(handle) }

    /// Hands over row by row.
    func each(_ sql: String, _ body: (DatabaseRow) -> Void) throws(VerifierError) {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement else { throw failure }
        defer { sqlite3_finalize(statement) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: body(DatabaseRow(statement))
            case SQLITE_DONE: return
            default: throw failure
            }
        }
    }

    func rows(_ sql: String) throws(VerifierError) -> [DatabaseRow] {
        var rows: [DatabaseRow] = []
        try each(sql) { rows.append($0) }
        return rows
    }

    /// What the ledger tells of events like this, in their order.
    ///
    /// - Parameter events: patterns of SQLite's GLOB.
    func eachMention(_ events: String..., body: (LedgerScan.Mention) -> Void) throws(VerifierError) {
        for event in events {
            try each("SELECT event, subject, body FROM ledger WHERE event GLOB '\(event)' ORDER BY number") { row in
                guard let event = row.text("event"), let subject = row.text("subject") else { return }
                // What is not JSON names no statement; the chain says so already.
                let digest = row.text("body").flatMap { try? JSONValue(parsing: $0) }?["digest"]?.asString ?? ""
                body(.init(event: event, subject: subject, digest: digest))
            }
        }
    }

    func lookup(_ sql: String) throws(VerifierError) -> DatabaseLookup {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK, let statement else { throw failure }
        return DatabaseLookup(statement)
    }

    private var failure: VerifierError {
        .damaged(what: sqlite3_errmsg(handle).map { String(cString: $0) } ?? "unknown")
    }
}

/// A question that is asked again and again. A row that cannot be read is none, which no check accepts.
final class DatabaseLookup {
    enum Value {
        case integer(Int64)
        case text(String)
    }

    private let statement: OpaquePointer

    fileprivate init(_ statement: OpaquePointer) { self.statement = statement }

    deinit { sqlite3_finalize(statement) }

    func rows(_ values: Value...) -> [DatabaseRow] { read(values, limit: .max) }
    func row(_ values: Value...) -> DatabaseRow? { read(values, limit: 1).first }
    func isThere(_ values: Value...) -> Bool { !read(values, limit: 1).isEmpty }

    private func read(_ values: [Value], limit: Int) -> [DatabaseRow] {
        defer { sqlite3_reset(statement) }
        for (index, value) in values.enumerated() {
            guard bind(value, at: Int32(clamping: index + 1)) == SQLITE_OK else { return [] }
        }
        var rows: [DatabaseRow] = []
        while rows.count < limit, sqlite3_step(statement) == SQLITE_ROW { rows.append(DatabaseRow(statement)) }
        return rows
    }

    private func bind(_ value: Value, at index: Int32) -> Int32 {
        switch value {
        case .integer(let number): sqlite3_bind_int64(statement, index, number)
        case .text(let text): sqlite3_bind_text64(statement, index, text, UInt64(text.utf8.count), stint_sqlite_transient(), UInt8(SQLITE_UTF8))
        }
    }
}

/// One row. A column that is missing or of another type reads as nothing, which no check accepts.
struct DatabaseRow {
    private enum Cell {
        case integer(Int64)
        case text(String)
        case bytes([UInt8])
    }

    private var cells: [String: Cell] = [:]

    init(_ statement: OpaquePointer) {
        for index in 0..<sqlite3_column_count(statement) {
            guard let name = sqlite3_column_name(statement, index).map({ String(cString: $0) }) else { continue }
            let count = Int(sqlite3_column_bytes(statement, index))
            switch sqlite3_column_type(statement, index) {
            case SQLITE_INTEGER: cells[name] = .integer(sqlite3_column_int64(statement, index))
            case SQLITE_TEXT:
                let bytes = UnsafeRawBufferPointer(start: sqlite3_column_text(statement, index), count: count)
                cells[name] = String(validating: bytes, as: UTF8.self).map { .text($0) }
            case SQLITE_BLOB:
                cells[name] = .bytes(Array(UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, index), count: count)))
            default: break
            }
        }
    }

    func integer(_ name: String) -> Int64? {
        if case .integer(let value)? = cells[name] { value } else { nil }
    }

    func text(_ name: String) -> String? {
        if case .text(let value)? = cells[name] { value } else { nil }
    }

    func bytes(_ name: String) -> [UInt8]? {
        if case .bytes(let value)? = cells[name] { value } else { nil }
    }
}

/// Why nothing could be verified.
package enum VerifierError: Error, Equatable {
    case cannotRead(path: String)
    case damaged(what: String)

    package var message: String {
        switch self {
        case .cannotRead(let path): "The database \(path) cannot be read."
        case .damaged(let what): "The database is damaged: \(what)."
        }
    }
}
