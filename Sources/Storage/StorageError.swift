// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Glibc
import StrictJSON

/// Why something could not be stored or read.
///
/// An error of a write means *not known to be stored*: after a crash at the worst moment the write may be
/// there all the same, so callers repeat it under the same operation id.
package enum StorageError: Error, Equatable {
    /// The rule of the schema that a write broke.
    package enum Constraint: String, Sendable {
        case unique, check, foreignKey, notNull, type, trigger, other
    }

    case cannotOpen(path: String, reason: String)
    /// The process has all the files open that it may.
    case tooManyFiles
    /// Another process kept the database locked for longer than we wait.
    case busy
    /// The disk, or the database's own page limit, is full.
    case full
    case readOnly
    case ioError(detail: String)
    case constraint(Constraint, detail: String)
    case corrupt(detail: String)
    /// Someone else changed `what` after we read it: the transition that came second.
    case changedMeanwhile(_ what: String)
    case notFound(_ what: String)
    /// The database was written by a newer version of the program.
    case tooNew(found: Int64, known: Int64)
    /// A column does not hold what the code expects.
    case unexpectedValue(column: String, expected: String)
    /// A text with a NUL inside, which SQLite's functions, and so the schema's checks, would cut short.
    case nulInText
    /// Too many jobs wait already.
    case overloaded(waiting: Int)
    /// The writer or the pool no longer takes jobs.
    case stopped
    /// The transaction ended under the job, so nothing of its batch is stored.
    case transactionLost
    /// A backup's destination exists already, or cannot be written.
    case cannotBackUp(path: String, reason: String)
    /// SQLite reported something that has no case above.
    case failed(code: Int32, detail: String)
}

extension StorageError {
    /// What the last result of a connection means, by SQLite's own sentence.
    init(result code: Int32, of connection: OpaquePointer) {
        let isOutOfFiles = [EMFILE, ENFILE].contains(sqlite3_system_errno(connection))
        if code & 0xff == SQLITE_CANTOPEN, isOutOfFiles {
            self = .tooManyFiles
        } else {
            self.init(result: code, detail: Statement.lastMessage(of: connection))
        }
    }

    /// What an SQLite result code means; `detail` is SQLite's own sentence.
    init(result code: Int32, detail: String) {
        switch code & 0xff {  // the low byte is the kind, the rest says more about it
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy
        case SQLITE_FULL: self = .full
        case SQLITE_READONLY: self = .readOnly
        case SQLITE_IOERR: self = .ioError(detail: "\(detail) (\(code))")
        case SQLITE_CONSTRAINT: self = .constraint(Constraint(result: code), detail: detail)
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .corrupt(detail: detail)
        default: self = .failed(code: code, detail: detail)
        }
    }
}

extension StorageError.Constraint {
    fileprivate init(result code: Int32) {
        switch code {
        case stint_sqlite_constraint_unique, stint_sqlite_constraint_primary_key, stint_sqlite_constraint_rowid:
            self = .unique
        case stint_sqlite_constraint_check: self = .check
        case stint_sqlite_constraint_foreign_key: self = .foreignKey
        case stint_sqlite_constraint_not_null: self = .notNull
        case stint_sqlite_constraint_datatype: self = .type
        case stint_sqlite_constraint_trigger: self = .trigger
        default: self = .other
        }
    }
}

extension StorageError: Explainable {
    package var code: String {
        switch self {
        case .cannotOpen: "storage.cannot-open"
        case .tooManyFiles: "storage.too-many-files"
        case .busy: "storage.busy"
        case .full: "storage.full"
        case .readOnly: "storage.read-only"
        case .ioError: "storage.io-error"
        case .constraint: "storage.constraint"
        case .corrupt: "storage.corrupt"
        case .changedMeanwhile: "storage.changed-meanwhile"
        case .notFound: "storage.not-found"
        case .tooNew: "storage.too-new"
        case .unexpectedValue: "storage.unexpected-value"
        case .nulInText: "storage.nul-in-text"
        case .overloaded: "storage.overloaded"
        case .stopped: "storage.stopped"
        case .transactionLost: "storage.transaction-lost"
        case .cannotBackUp: "storage.cannot-back-up"
        case .failed: "storage.failed"
        }
    }

    package var message: String {
        switch self {
        case .cannotOpen(let path, let reason): "The database \(path) cannot be opened: \(reason)."
        case .tooManyFiles: "The database needs one more open file than this process may have."
        case .busy: "The database is locked by another process."
        case .full: "The disk that holds the database is full; nothing was stored."
        case .readOnly: "The database is open for reading only."
        case .ioError(let detail): "Reading or writing the database failed: \(detail)."
        case .constraint(let kind, let detail): "The database refused the change (\(kind.rawValue)): \(detail)."
        case .corrupt(let detail): "The database is damaged: \(detail)."
        case .changedMeanwhile(let what): "\(what) changed meanwhile."
        case .notFound(let what): "There is no \(what)."
        case .tooNew(let found, let known):
            "The database has schema version \(found); this program knows versions up to \(known)."
        case .unexpectedValue(let column, let expected): "The column \(column) does not hold \(expected)."
        case .nulInText: "A text with a NUL character cannot be stored."
        case .overloaded(let waiting): "\(waiting) jobs wait for the database already."
        case .stopped: "The database is closed."
        case .transactionLost: "The transaction ended before its work was done; nothing was stored."
        case .cannotBackUp(let path, let reason): "The backup \(path) cannot be written: \(reason)."
        case .failed(let code, let detail): "The database reported error \(code): \(detail)."
        }
    }

    package var hint: String? {
        switch self {
        case .cannotOpen: "Check that the file and its directory belong to the user that runs this program, with modes 0600 and 0700."
        case .tooManyFiles: "Raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit)."
        case .busy, .overloaded: "Try again in a moment."
        case .full: "Free space on that disk, then try again; no restart is needed."
        case .ioError: "Look for disk errors in the kernel's log before trusting this disk with more writes."
        case .corrupt: "Stop the broker, keep a copy of the files, and restore the latest backup."
        case .changedMeanwhile: "Look at its present state, then decide again."
        case .tooNew: "Run the version that wrote it, or a newer one."
        case .cannotBackUp: "Name a file that does not exist, in a directory that this program may write."
        case .readOnly, .constraint, .notFound, .unexpectedValue, .nulInText, .stopped, .transactionLost, .failed: nil
        }
    }
}
