// SPDX-License-Identifier: Apache-2.0

extension Schema {
    /// What became of each recording. The bytes are files; here stands what must be true of them.
    static let recordings: StaticString = """
        CREATE TABLE recording (
            session TEXT NOT NULL PRIMARY KEY REFERENCES session (id),
            state TEXT NOT NULL CHECK (state = 'growing' OR state = 'whole' OR state = 'truncated' OR state = 'deleted'),
            begun_at INTEGER NOT NULL CHECK (begun_at > 0),
            ended_at INTEGER CHECK (ended_at > 0),
            bytes INTEGER CHECK (bytes >= 0),
            statement TEXT,
            signatures TEXT CHECK (signatures GLOB '[[]*]'),
            deleted_at INTEGER CHECK (deleted_at > 0),
            CONSTRAINT plain CHECK (instr(session || coalesce(statement, ''), char(0)) = 0),
            CONSTRAINT ended CHECK (
                (state = 'growing') = (statement IS NULL) AND (statement IS NULL) = (signatures IS NULL)
                AND (statement IS NULL) = (ended_at IS NULL) AND (statement IS NULL) = (bytes IS NULL)),
            CONSTRAINT as_signed CHECK (
                statement IS NULL OR (instr(statement, '"type":"recording-end"') > 0
                    AND instr(statement, '"bytes":' || bytes || ',') > 0
                    AND (state = 'deleted' OR (instr(statement, '"missing":0,') > 0) = (state = 'whole')))),
            CONSTRAINT deleted CHECK ((state = 'deleted') = (deleted_at IS NOT NULL))
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX recording_growing ON recording (session) WHERE state = 'growing';
        CREATE INDEX recording_kept ON recording (ended_at, session) WHERE state IN ('whole', 'truncated');

        CREATE TRIGGER recording_insert BEFORE INSERT ON recording BEGIN
            SELECT RAISE(ABORT, 'a recording begins growing') WHERE NEW.state IS NOT 'growing';
            SELECT RAISE(ABORT, 'a recording is of a session that its node accepted')
            WHERE NOT EXISTS (SELECT 1 FROM session WHERE id = NEW.session AND acceptance IS NOT NULL);
            SELECT RAISE(ABORT, 'this recording exists') WHERE EXISTS (SELECT 1 FROM recording WHERE session = NEW.session);
        END;
        CREATE TRIGGER recording_update BEFORE UPDATE ON recording BEGIN
            SELECT RAISE(ABORT, 'a recording moves forward only')
            WHERE NOT (
                (OLD.state = 'growing' AND NEW.state IN ('whole', 'truncated'))
                OR (OLD.state IN ('whole', 'truncated') AND NEW.state = 'deleted'));
            SELECT RAISE(ABORT, 'how a recording began and ended never changes')
            WHERE NEW.session IS NOT OLD.session OR NEW.begun_at IS NOT OLD.begun_at
                OR (OLD.state <> 'growing' AND (
                    NEW.statement IS NOT OLD.statement OR NEW.signatures IS NOT OLD.signatures
                    OR NEW.ended_at IS NOT OLD.ended_at OR NEW.bytes IS NOT OLD.bytes));
            SELECT RAISE(ABORT, 'a recording ends after its session')
            WHERE NEW.state <> 'growing'
                AND NOT EXISTS (SELECT 1 FROM session WHERE id = NEW.session AND state = 'ended' AND confirmed = 1);
        END;
        CREATE TRIGGER recording_delete BEFORE DELETE ON recording BEGIN
            SELECT RAISE(ABORT, 'what is known of a recording is never deleted');
        END;

        -- Sessions of before: what became of their recordings is found out when the broker starts.
        INSERT INTO recording (session, state, begun_at)
        SELECT id, 'growing', started_at FROM session WHERE acceptance IS NOT NULL;

        -- Whatever else is decided, a recording that is named by a hold in force stays.
        CREATE TRIGGER recording_held BEFORE UPDATE ON recording WHEN NEW.state = 'deleted' BEGIN
            SELECT RAISE(ABORT, 'a recording that is held is never deleted')
            WHERE EXISTS (
                SELECT 1 FROM hold AS h JOIN session AS s ON s.id = NEW.session
                WHERE h.removed_at IS NULL AND h.scope IN (s.id, s.grant, 'person:' || s.person, '*'));
        END;

        CREATE TABLE hold (
            digest TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            name TEXT NOT NULL CHECK (name GLOB '[a-z0-9]*' AND name NOT GLOB '*[^a-z0-9._-]*' AND length(name) <= 63),
            scope TEXT NOT NULL CHECK (length(scope) BETWEEN 1 AND 2048),
            statement TEXT NOT NULL,
            signatures TEXT NOT NULL CHECK (signatures GLOB '[[]*]'),
            at INTEGER NOT NULL CHECK (at > 0),
            removal TEXT,
            removal_signatures TEXT CHECK (removal_signatures GLOB '[[]*]'),
            removed_at INTEGER CHECK (removed_at > 0),
            CONSTRAINT plain CHECK (instr(digest || name || scope || statement || coalesce(removal, ''), char(0)) = 0),
            CONSTRAINT as_signed CHECK (
                instr(statement, '"type":"hold"') > 0 AND instr(statement, '"kind":"add"') > 0
                AND instr(statement, '"name":"' || name || '"') > 0 AND instr(statement, '"scope":"' || scope || '"') > 0),
            CONSTRAINT removed CHECK (
                (removal IS NULL) = (removed_at IS NULL) AND (removal IS NULL) = (removal_signatures IS NULL)
                AND (removal IS NULL OR (instr(removal, '"type":"hold"') > 0 AND instr(removal, '"kind":"remove"') > 0
                    AND instr(removal, '"name":"' || name || '"') > 0 AND instr(removal, '"scope":"' || scope || '"') > 0)))
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX hold_in_force ON hold (name) WHERE removed_at IS NULL;
        CREATE INDEX hold_by_time ON hold (at);

        CREATE TRIGGER hold_insert BEFORE INSERT ON hold BEGIN
            SELECT RAISE(ABORT, 'a hold begins in force') WHERE NEW.removed_at IS NOT NULL;
            SELECT RAISE(ABORT, 'this hold exists')
            WHERE EXISTS (SELECT 1 FROM hold WHERE digest = NEW.digest)
                OR EXISTS (SELECT 1 FROM hold WHERE name = NEW.name AND removed_at IS NULL);
        END;
        CREATE TRIGGER hold_update BEFORE UPDATE ON hold BEGIN
            SELECT RAISE(ABORT, 'a hold is removed once') WHERE OLD.removed_at IS NOT NULL OR NEW.removed_at IS NULL;
            SELECT RAISE(ABORT, 'what was held never changes')
            WHERE NEW.digest IS NOT OLD.digest OR NEW.name IS NOT OLD.name OR NEW.scope IS NOT OLD.scope
                OR NEW.statement IS NOT OLD.statement OR NEW.signatures IS NOT OLD.signatures OR NEW.at IS NOT OLD.at;
        END;
        CREATE TRIGGER hold_delete BEFORE DELETE ON hold BEGIN SELECT RAISE(ABORT, 'a hold is never deleted'); END;
        """
}
