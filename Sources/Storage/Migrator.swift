// SPDX-License-Identifier: Apache-2.0

/// One step of the schema: a script that takes a database from one version to the next.
package struct Migration: Sendable {
    let script: StaticString

    package init(_ script: StaticString) {
        self.script = script
    }
}

/// Brings a database to the newest schema that this program knows.
///
/// The version is SQLite's `user_version`: how many migrations have been done. It changes in the transaction of
/// the migration, so a crash leaves a database of the old version or of the new one. A migration that has been
/// released is never edited; a mistake in it is mended by the next one.
package struct Migrator: Sendable {
    private let migrations: [Migration]

    /// - Parameter migrations: in their order; the first makes version 1 out of an empty database.
    package init(_ migrations: [Migration]) {
        self.migrations = migrations
    }

    /// - Returns: how many migrations were done.
    /// - Throws: ``StorageError/tooNew(found:known:)`` for a database of a newer program, which is left as it is.
    @discardableResult
    package func migrate(_ connection: Connection) throws(StorageError) -> Int {
        var done = 0
        while try migrateOnce(connection) { done += 1 }
        return done
    }

    /// Refuses a database that this program must not touch, without changing it.
    package func check(_ connection: Connection) throws(StorageError) {
        _ = try version(of: connection)
    }

    private func migrateOnce(_ connection: Connection) throws(StorageError) -> Bool {
        guard try version(of: connection) < migrations.count else { return false }
        return try connection.transaction { () throws(StorageError) in
            // Read again under the lock: another process may have been faster.
            let version = try version(of: connection)
            guard version < migrations.count else { return false }
            try connection.execute(migrations[version].script)
            guard connection.isInTransaction else { throw .transactionLost }
            try connection.execute(unchecked: "PRAGMA user_version = \(version + 1)")
            return true
        }
    }

    private func version(of connection: Connection) throws(StorageError) -> Int {
        let found = try connection.first("PRAGMA user_version")?.integer("user_version") ?? 0
        guard let version = Int(exactly: found), (0...migrations.count).contains(version) else {
            throw .tooNew(found: found, known: Int64(migrations.count))
        }
        return version
    }
}
