// SPDX-License-Identifier: Apache-2.0
// SECURITY: an entry follows the one before by its number and its hash, and neither it nor the tree over it ever
// changes.

extension Schema {
    /// What happened (P5). `actor` is empty for the broker itself.
    static let ledger: StaticString = """
        CREATE TABLE ledger (
            number INTEGER PRIMARY KEY CHECK (number > 0),
            at INTEGER NOT NULL CHECK (at > 0),
            event TEXT NOT NULL CHECK (event GLOB '[a-z]*.[a-z]*' AND event NOT GLOB '*[^a-z.-]*' AND length(event) <= 64),
            subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
            actor TEXT NOT NULL CHECK (length(actor) <= 255),
            body TEXT NOT NULL CHECK (body GLOB '{*}'),
            previous TEXT NOT NULL CHECK (length(previous) = 64 AND previous NOT GLOB '*[^0-9a-f]*'),
            hash TEXT NOT NULL CHECK (length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*'),
            CONSTRAINT plain CHECK (instr(event || subject || actor || body || previous || hash, char(0)) = 0)
        ) STRICT;
        CREATE INDEX ledger_by_subject ON ledger (subject, number);

        CREATE TRIGGER ledger_insert BEFORE INSERT ON ledger BEGIN
            SELECT RAISE(ABORT, 'the number of a ledger entry follows the last')
            WHERE NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM ledger);
            SELECT RAISE(ABORT, 'a ledger entry names the hash of the one before')
            WHERE NEW.previous IS NOT coalesce(
                (SELECT hash FROM ledger ORDER BY number DESC LIMIT 1),
                '0000000000000000000000000000000000000000000000000000000000000000');
        END;
        CREATE TRIGGER ledger_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'a ledger entry never changes'); END;
        CREATE TRIGGER ledger_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'a ledger entry is never deleted'); END;

        -- Hashes over 2, 4, 8, ... entries (RFC 6962). Level 0 is in `ledger` itself.
        CREATE TABLE ledger_tree (
            level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 62),
            place INTEGER NOT NULL CHECK (place >= 0),
            hash BLOB NOT NULL CHECK (length(hash) = 32),
            PRIMARY KEY (level, place)
        ) STRICT, WITHOUT ROWID;

        CREATE TRIGGER ledger_tree_insert BEFORE INSERT ON ledger_tree BEGIN
            SELECT RAISE(ABORT, 'a node of the tree stands over entries that exist')
            WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE number = (NEW.place + 1) << NEW.level);
            SELECT RAISE(ABORT, 'this node of the tree exists')
            WHERE EXISTS (SELECT 1 FROM ledger_tree WHERE level = NEW.level AND place = NEW.place);
        END;
        CREATE TRIGGER ledger_tree_update BEFORE UPDATE ON ledger_tree BEGIN
            SELECT RAISE(ABORT, 'a node of the tree never changes');
        END;
        CREATE TRIGGER ledger_tree_delete BEFORE DELETE ON ledger_tree BEGIN
            SELECT RAISE(ABORT, 'a node of the tree is never deleted');
        END;
        """
}
