// SPDX-License-Identifier: Apache-2.0
// SECURITY: what was proposed never changes, and what became of it is what somebody signed.

extension Schema {
    /// Charters that one administrator signed and a second one may. `digest` is that of the first consent.
    static let proposals: StaticString = """
        CREATE TABLE proposal (
            id TEXT NOT NULL PRIMARY KEY
                CHECK (id GLOB 'p-[0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]'),
            digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            person TEXT NOT NULL
                CHECK (person GLOB '[a-z0-9]*' AND person NOT GLOB '*[^a-z0-9._-]*' AND length(person) <= 63),
            state TEXT NOT NULL CHECK (state = 'open' OR state = 'agreed' OR state = 'withdrawn' OR state = 'overtaken'),
            content TEXT NOT NULL CHECK (content GLOB '{"administrators":*'),
            statement TEXT NOT NULL,
            signatures TEXT NOT NULL CHECK (signatures GLOB '[[]*]'),
            at INTEGER NOT NULL CHECK (at > 0),
            resolved_at INTEGER CHECK (resolved_at > 0),
            charter INTEGER REFERENCES roll (number),
            CONSTRAINT plain CHECK (instr(id || digest || person || content || statement, char(0)) = 0),
            CONSTRAINT as_signed CHECK (
                instr(statement, '"type":"consent"') > 0 AND instr(statement, '"person":"' || person || '"') > 0),
            CONSTRAINT resolved_or_open CHECK ((state = 'open') = (resolved_at IS NULL)),
            CONSTRAINT by_a_charter CHECK ((charter IS NOT NULL) = (state IN ('agreed', 'overtaken')))
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX proposal_open ON proposal (at) WHERE state = 'open';
        CREATE INDEX proposal_by_time ON proposal (at DESC);

        CREATE TRIGGER proposal_insert BEFORE INSERT ON proposal BEGIN
            SELECT RAISE(ABORT, 'a proposal begins open') WHERE NEW.state IS NOT 'open';
            SELECT RAISE(ABORT, 'this proposal exists')
            WHERE EXISTS (SELECT 1 FROM proposal WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM proposal WHERE digest = NEW.digest);
        END;
        CREATE TRIGGER proposal_update BEFORE UPDATE ON proposal BEGIN
            SELECT RAISE(ABORT, 'a proposal is resolved once') WHERE OLD.state <> 'open';
            SELECT RAISE(ABORT, 'what was proposed never changes')
            WHERE NEW.id IS NOT OLD.id OR NEW.digest IS NOT OLD.digest OR NEW.person IS NOT OLD.person
                OR NEW.content IS NOT OLD.content OR NEW.statement IS NOT OLD.statement
                OR NEW.signatures IS NOT OLD.signatures OR NEW.at IS NOT OLD.at;
            SELECT RAISE(ABORT, 'only its proposer withdraws a proposal')
            WHERE NEW.state = 'withdrawn' AND NOT EXISTS (
                SELECT 1 FROM ending WHERE subject = NEW.id AND kind = 'withdraw' AND person = NEW.person);
            SELECT RAISE(ABORT, 'a proposal is agreed to or overtaken by a charter')
            WHERE NEW.charter IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM roll WHERE number = NEW.charter AND type = 'charter');
        END;
        CREATE TRIGGER proposal_delete BEFORE DELETE ON proposal BEGIN
            SELECT RAISE(ABORT, 'a proposal is never deleted');
        END;
        """
}
