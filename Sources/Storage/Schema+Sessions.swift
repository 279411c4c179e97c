// SPDX-License-Identifier: Apache-2.0
// SECURITY: a session opens under an active grant of its own person only, and once it has ended it never changes but
// for the receipt of its node.

extension Schema {
    /// Sessions, and when each node was last heard of.
    static let sessions: StaticString = """
        CREATE TABLE session (
            id TEXT NOT NULL PRIMARY KEY
                CHECK (id GLOB 's-[0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]'),
            grant TEXT NOT NULL REFERENCES grant (id),
            node TEXT NOT NULL CHECK (node GLOB '[a-z0-9]*' AND node NOT GLOB '*[^a-z0-9._-]*' AND length(node) <= 63),
            person TEXT NOT NULL,
            capability TEXT NOT NULL CHECK ((capability = 'shell' OR capability = 'exec' OR capability = 'ssh' OR capability = 'copy')
                OR (capability GLOB 'forward:*:[1-9]*' AND NOT capability GLOB 'forward:*[^]a-z0-9.:[-]*' AND length(capability) <= 267)
                OR (capability GLOB 'exec:[a-z0-9]*' AND NOT capability GLOB 'exec:*[^a-z0-9._-]*' AND length(capability) <= 68)),
            state TEXT NOT NULL CHECK (state = 'opening' OR state = 'live' OR state = 'detached' OR state = 'ending' OR state = 'ended'),
            version INTEGER NOT NULL CHECK (version > 0),
            opening TEXT NOT NULL,
            opening_signatures TEXT NOT NULL CHECK (opening_signatures GLOB '[[]*]'),
            acceptance TEXT,
            acceptance_signatures TEXT CHECK (acceptance_signatures GLOB '[[]*]'),
            opened_at INTEGER NOT NULL CHECK (opened_at > 0),
            started_at INTEGER CHECK (started_at > 0),
            ended_at INTEGER CHECK (ended_at > 0),
            end_reason TEXT CHECK (end_reason NOT GLOB '*[^a-z-]*' AND length(end_reason) BETWEEN 1 AND 32),
            end_detail TEXT CHECK (length(end_detail) <= 1000),
            exit_status INTEGER,
            receipt TEXT,
            receipt_signatures TEXT CHECK (receipt_signatures GLOB '[[]*]'),
            killed_count INTEGER CHECK (killed_count >= 0),
            left_count INTEGER CHECK (left_count >= 0),
            confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1)),
            recording TEXT CHECK (length(recording) BETWEEN 1 AND 255),
            CONSTRAINT plain CHECK (instr(id || node || opening, char(0)) = 0),
            CONSTRAINT as_signed CHECK (
                instr(opening, '"type":"opening"') > 0 AND instr(opening, '"node":"' || node || '"') > 0
                AND instr(opening, '"person":"' || person || '"') > 0 AND instr(opening, '"capability":"' || capability || '"') > 0),
            CONSTRAINT accepted CHECK (
                (acceptance IS NULL) = (acceptance_signatures IS NULL) AND (acceptance IS NULL) = (started_at IS NULL)
                AND (state NOT IN ('live', 'detached') OR acceptance IS NOT NULL)
                AND (acceptance IS NULL OR (state <> 'opening' AND instr(acceptance, '"type":"acceptance"') > 0
                    AND instr(acceptance, '"node":"' || node || '"') > 0))),
            CONSTRAINT over CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
            CONSTRAINT reasoned CHECK ((state IN ('ending', 'ended')) = (end_reason IS NOT NULL)),
            CONSTRAINT receipted CHECK (
                (receipt IS NULL) = (receipt_signatures IS NULL) AND (receipt IS NULL) = (killed_count IS NULL)
                AND (receipt IS NULL) = (left_count IS NULL) AND (receipt IS NULL) = (confirmed = 0)
                AND (receipt IS NULL OR (state = 'ended' AND instr(receipt, '"type":"receipt"') > 0
                    AND instr(receipt, '"node":"' || node || '"') > 0)))
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX session_by_grant ON session (grant, opened_at);
        CREATE INDEX session_alive_by_node ON session (node) WHERE state <> 'ended';
        CREATE INDEX session_alive_by_person ON session (person) WHERE state <> 'ended';
        CREATE INDEX session_by_time ON session (opened_at DESC);

        CREATE TRIGGER session_insert BEFORE INSERT ON session BEGIN
            SELECT RAISE(ABORT, 'a session begins opening, at version 1')
            WHERE NEW.state IS NOT 'opening' OR NEW.version IS NOT 1;
            SELECT RAISE(ABORT, 'a session needs an active grant of its person')
            WHERE NOT EXISTS (
                SELECT 1 FROM grant WHERE id = NEW.grant AND state = 'active' AND holder = NEW.person
                    AND NEW.opened_at < not_after);
            SELECT RAISE(ABORT, 'this session exists') WHERE EXISTS (SELECT 1 FROM session WHERE id = NEW.id);
        END;
        CREATE TRIGGER session_update BEFORE UPDATE ON session WHEN OLD.state <> 'ended' BEGIN
            SELECT RAISE(ABORT, 'a session moves forward only')
            WHERE NOT (
                (OLD.state = 'opening' AND (NEW.state = 'live' OR NEW.state = 'ending' OR NEW.state = 'ended'))
                OR (OLD.state = 'live' AND (NEW.state = 'detached' OR NEW.state = 'ending' OR NEW.state = 'ended'))
                OR (OLD.state = 'detached' AND (NEW.state = 'live' OR NEW.state = 'ending' OR NEW.state = 'ended'))
                OR (OLD.state = 'ending' AND NEW.state = 'ended'));
            SELECT RAISE(ABORT, 'how a session began never changes')
            WHERE (OLD.acceptance IS NOT NULL AND (
                    NEW.acceptance IS NOT OLD.acceptance OR NEW.acceptance_signatures IS NOT OLD.acceptance_signatures
                    OR NEW.started_at IS NOT OLD.started_at))
                OR (OLD.recording IS NOT NULL AND NEW.recording IS NOT OLD.recording);
        END;
        -- The one thing that an ended session may still get is the receipt of a node that was out of reach.
        CREATE TRIGGER session_update_ended BEFORE UPDATE ON session WHEN OLD.state = 'ended' BEGIN
            SELECT RAISE(ABORT, 'an ended session never changes')
            WHERE OLD.confirmed <> 0 OR NEW.confirmed IS NOT 1 OR NEW.state IS NOT 'ended'
                OR NEW.acceptance IS NOT OLD.acceptance OR NEW.acceptance_signatures IS NOT OLD.acceptance_signatures
                OR NEW.started_at IS NOT OLD.started_at OR NEW.ended_at IS NOT OLD.ended_at
                OR NEW.end_reason IS NOT OLD.end_reason OR NEW.end_detail IS NOT OLD.end_detail
                OR NEW.recording IS NOT OLD.recording;
        END;
        CREATE TRIGGER session_update_opening BEFORE UPDATE ON session BEGIN
            SELECT RAISE(ABORT, 'what was opened never changes')
            WHERE NEW.id IS NOT OLD.id OR NEW.grant IS NOT OLD.grant OR NEW.node IS NOT OLD.node
                OR NEW.person IS NOT OLD.person OR NEW.capability IS NOT OLD.capability
                OR NEW.opening IS NOT OLD.opening OR NEW.opening_signatures IS NOT OLD.opening_signatures
                OR NEW.opened_at IS NOT OLD.opened_at;
            SELECT RAISE(ABORT, 'a version follows the last') WHERE NEW.version IS NOT OLD.version + 1;
        END;
        CREATE TRIGGER session_delete BEFORE DELETE ON session BEGIN SELECT RAISE(ABORT, 'a session is never deleted'); END;

        CREATE TRIGGER grant_settle BEFORE UPDATE ON grant WHEN NEW.state = 'ended' BEGIN
            SELECT RAISE(ABORT, 'a grant ends after its sessions')
            WHERE EXISTS (SELECT 1 FROM session WHERE grant = NEW.id AND state <> 'ended');
        END;

        CREATE TABLE presence (
            node TEXT NOT NULL PRIMARY KEY
                CHECK (node GLOB '[a-z0-9]*' AND node NOT GLOB '*[^a-z0-9._-]*' AND length(node) <= 63),
            last_seen INTEGER NOT NULL CHECK (last_seen > 0),
            address TEXT NOT NULL CHECK (length(address) <= 255),
            agent_version TEXT NOT NULL CHECK (length(agent_version) <= 64),
            facts TEXT CHECK (facts GLOB '{*}' AND length(facts) <= 131072),
            facts_at INTEGER CHECK ((facts_at IS NULL) = (facts IS NULL) AND facts_at > 0)
        ) STRICT, WITHOUT ROWID;
        """
}
