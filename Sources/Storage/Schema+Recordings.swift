// SPDX-License-Identifier: Apache-2.0

extension Schema {
    /// What became of each recording. The bytes are files; here stands what must be true of them.
    static let recordings: StaticString = """
        CREATE TABLE recording (
            session TEXT NOT NULL PRIMARY KEY REFERENCES session (id),
            state TEXT NOT NULL CHECK (state IN ('growing', 'whole', 'truncated', 'deleted')),
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
        """
}
