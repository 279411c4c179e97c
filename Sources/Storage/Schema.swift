// SPDX-License-Identifier: Apache-2.0
// SECURITY: what must stay true whatever the code above does wrong: what was signed never changes, nothing that
// happened is deleted, nobody votes on their own request, what is over never comes back.

/// The tables of the broker.
///
/// Each subject has a file `Schema+….swift`. Each rule of a state machine stands there a second time, as a trigger or a
/// CHECK, so that a bug in the code is an error of ours and not an access of somebody's. Rules for reading and changing them:
///
/// - Times are milliseconds since 1970 UTC; `version` grows by one with each change of a row.
/// - `statement`, `activation`, `opening`, `acceptance` and `receipt` hold the very bytes that were signed. The columns
///   beside them are copies to search by, and a CHECK holds those that name somebody against the statement.
/// - A trigger that guards an INSERT also refuses keys that exist: `INSERT OR REPLACE` would delete the old row
///   without asking the triggers on DELETE. Tables with a text key are WITHOUT ROWID, so they have no second key.
/// - Such a CHECK looks for `"person":"alice"` in the text. In canonical JSON this finds the member and nothing else,
///   because a quote inside a string is escaped. SQLite's JSON functions are not allowed in a schema that is not
///   trusted (SQLite 3.40 with `trusted_schema=OFF`).
/// - SQLite's text functions stop at a NUL, hence the CHECKs named `plain`.
/// - `IN` with three constants or more, and OR over two indexes, have SQLite make a temporary table each time they are asked, which
///   was much of the cost of a change: hence `=` with OR, and two times EXISTS.
/// - A CHECK passes when it is NULL, hence IS where a value may be missing.
package enum Schema {
    /// Never edit a migration that has been released: add one.
    package static let migrations = [
        Migration(roll), Migration(workflow), Migration(sessions), Migration(ledger), Migration(proposals),
        Migration(recordings),
    ]
    package static let migrator = Migrator(migrations)

    /// The signed entries from which the directory of people, nodes and policy is built.
    private static let roll: StaticString = """
        CREATE TABLE roll (
            number INTEGER PRIMARY KEY CHECK (number > 0),
            digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            type TEXT NOT NULL CHECK (instr(statement, '"type":"' || type || '"') > 0),
            statement TEXT NOT NULL CHECK (instr(statement, '"number":' || number || ',') > 0),
            signatures TEXT NOT NULL CHECK (signatures GLOB '[[]*]'),
            at INTEGER NOT NULL CHECK (at > 0),
            CONSTRAINT plain CHECK (instr(digest || type || statement, char(0)) = 0)
        ) STRICT;

        CREATE TRIGGER roll_insert BEFORE INSERT ON roll BEGIN
            SELECT RAISE(ABORT, 'the number of a roll entry follows the last')
            WHERE NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM roll);
            SELECT RAISE(ABORT, 'this roll entry exists') WHERE EXISTS (SELECT 1 FROM roll WHERE digest = NEW.digest);
        END;
        CREATE TRIGGER roll_update BEFORE UPDATE ON roll BEGIN SELECT RAISE(ABORT, 'a roll entry never changes'); END;
        CREATE TRIGGER roll_delete BEFORE DELETE ON roll BEGIN SELECT RAISE(ABORT, 'a roll entry is never deleted'); END;
        """
}
