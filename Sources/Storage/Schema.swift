// SPDX-License-Identifier: Apache-2.0
// SECURITY: what must stay true whatever the code above does wrong: what was signed never changes, nothing that
// happened is deleted, nobody votes on their own request, what is over never comes back.

/// The tables of the broker.
///
/// Each rule of a state machine stands here a second time, as a trigger or a CHECK, so that a bug in the code is an
/// error of ours and not an access of somebody's. Rules for reading and changing this file:
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
/// - A CHECK passes when it is NULL, hence IS where a value may be missing.
package enum Schema {
    /// Never edit a migration that has been released: add one.
    package static let migrations = [
        Migration(roll), Migration(workflow), Migration(sessions), Migration(ledger), Migration(recordings),
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

    /// Request, vote, grant, ending.
    private static let workflow: StaticString = """
        CREATE TABLE request (
            id TEXT NOT NULL PRIMARY KEY
                CHECK (id GLOB 'r-[0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]'),
            digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            person TEXT NOT NULL
                CHECK (person GLOB '[a-z0-9]*' AND person NOT GLOB '*[^a-z0-9._-]*' AND length(person) <= 63),
            state TEXT NOT NULL
                CHECK (state IN ('pending', 'approved', 'denied', 'withdrawn', 'lapsed', 'invalidated')),
            version INTEGER NOT NULL CHECK (version > 0),
            statement TEXT NOT NULL,
            signatures TEXT NOT NULL CHECK (signatures GLOB '[[]*]'),
            break_glass INTEGER NOT NULL CHECK (break_glass IN (0, 1)),
            entitlement TEXT NOT NULL
                CHECK (entitlement GLOB '[a-z0-9]*' AND entitlement NOT GLOB '*[^a-z0-9._-]*' AND length(entitlement) <= 63),
            charter INTEGER NOT NULL CHECK (charter > 0),
            created_at INTEGER NOT NULL CHECK (created_at > 0),
            decide_before INTEGER NOT NULL,
            resolved_at INTEGER,
            reason_code TEXT CHECK (length(reason_code) <= 64),
            -- Set in a request for more time: the request whose grant it extends, and the lease that it makes.
            extends TEXT REFERENCES request (id),
            lease INTEGER CHECK (lease BETWEEN 2 AND 1000),
            CONSTRAINT plain CHECK (instr(id || digest || person || entitlement || statement, char(0)) = 0),
            CONSTRAINT as_signed CHECK (
                instr(statement, '"person":"' || person || '"') > 0 AND CASE WHEN extends IS NULL
                    THEN instr(statement, '"type":"request"') > 0
                        AND instr(statement, '"entitlement":"' || entitlement || '"') > 0
                        AND instr(statement, '"charter":' || charter || ',') > 0
                        AND instr(statement, '"breakGlass":' || iif(break_glass, 'true', 'false')) > 0
                    ELSE instr(statement, '"type":"extension"') > 0 AND instr(statement, '"lease":' || lease || ',') > 0
                        AND break_glass = 0 END),
            CONSTRAINT linked CHECK ((extends IS NULL) = (lease IS NULL) AND extends IS NOT id),
            CONSTRAINT decided_after_asked CHECK (decide_before > created_at),
            CONSTRAINT resolved_or_pending CHECK ((state = 'pending') = (resolved_at IS NULL)),
            CONSTRAINT approved_in_time CHECK (state <> 'approved' OR resolved_at < decide_before),
            CONSTRAINT lapsed_in_time CHECK (state <> 'lapsed' OR resolved_at >= decide_before)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX request_due ON request (decide_before) WHERE state = 'pending';
        CREATE INDEX request_by_person ON request (person, created_at DESC);
        CREATE INDEX request_by_time ON request (created_at DESC);
        CREATE INDEX request_by_extended ON request (extends, lease, created_at, id) WHERE extends IS NOT NULL;
        CREATE UNIQUE INDEX request_extends ON request (extends, lease) WHERE state IN ('pending', 'approved');

        CREATE TRIGGER request_insert BEFORE INSERT ON request BEGIN
            SELECT RAISE(ABORT, 'a request begins pending, at version 1')
            WHERE NEW.state IS NOT 'pending' OR NEW.version IS NOT 1;
            SELECT RAISE(ABORT, 'this request exists')
            WHERE EXISTS (SELECT 1 FROM request WHERE id = NEW.id OR digest = NEW.digest);
            SELECT RAISE(ABORT, 'an extension is of an active grant of the same person, and its next lease')
            WHERE NEW.extends IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM request AS r JOIN grant AS g ON g.request = r.id
                WHERE r.id = NEW.extends AND r.extends IS NULL AND r.person = NEW.person AND r.entitlement = NEW.entitlement
                    AND r.charter = NEW.charter AND instr(NEW.statement, '"request":"' || r.digest || '"') > 0
                    AND g.state = 'active' AND g.lease = NEW.lease - 1 AND NEW.decide_before <= g.not_after);
            SELECT RAISE(ABORT, 'a grant has one undecided extension')
            WHERE NEW.extends IS NOT NULL AND EXISTS (SELECT 1 FROM request WHERE extends = NEW.extends AND state = 'pending');
        END;
        CREATE TRIGGER request_update BEFORE UPDATE ON request BEGIN
            SELECT RAISE(ABORT, 'a resolved request never changes') WHERE OLD.state <> 'pending';
            SELECT RAISE(ABORT, 'what was asked never changes')
            WHERE NEW.id IS NOT OLD.id OR NEW.digest IS NOT OLD.digest OR NEW.person IS NOT OLD.person
                OR NEW.statement IS NOT OLD.statement OR NEW.signatures IS NOT OLD.signatures
                OR NEW.entitlement IS NOT OLD.entitlement OR NEW.charter IS NOT OLD.charter
                OR NEW.break_glass IS NOT OLD.break_glass
                OR NEW.created_at IS NOT OLD.created_at OR NEW.decide_before IS NOT OLD.decide_before
                OR NEW.extends IS NOT OLD.extends OR NEW.lease IS NOT OLD.lease;
            SELECT RAISE(ABORT, 'a version follows the last') WHERE NEW.version IS NOT OLD.version + 1;
        END;
        CREATE TRIGGER request_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'a request is never deleted'); END;

        CREATE TABLE vote (
            request TEXT NOT NULL REFERENCES request (id),
            person TEXT NOT NULL
                CHECK (person GLOB '[a-z0-9]*' AND person NOT GLOB '*[^a-z0-9._-]*' AND length(person) <= 63),
            digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'deny')),
            statement TEXT NOT NULL,
            signatures TEXT NOT NULL CHECK (signatures GLOB '[[]*]'),
            at INTEGER NOT NULL CHECK (at > 0),
            PRIMARY KEY (request, person),
            CONSTRAINT plain CHECK (instr(request || person || digest || statement, char(0)) = 0),
            CONSTRAINT as_signed CHECK (
                instr(statement, '"type":"vote"') > 0 AND instr(statement, '"person":"' || person || '"') > 0
                AND instr(statement, '"verdict":"' || verdict || '"') > 0)
        ) STRICT, WITHOUT ROWID;

        CREATE TRIGGER vote_insert BEFORE INSERT ON vote BEGIN
            SELECT RAISE(ABORT, 'a vote needs a pending request')
            WHERE NOT EXISTS (SELECT 1 FROM request WHERE id = NEW.request AND state = 'pending' AND break_glass = 0);
            SELECT RAISE(ABORT, 'nobody votes on their own request')
            WHERE EXISTS (SELECT 1 FROM request WHERE id = NEW.request AND person = NEW.person);
            SELECT RAISE(ABORT, 'a vote is on what was asked')
            WHERE NOT EXISTS (
                SELECT 1 FROM request
                WHERE id = NEW.request AND instr(NEW.statement, '"request":"' || digest || '"') > 0);
            SELECT RAISE(ABORT, 'this vote exists')
            WHERE EXISTS (SELECT 1 FROM vote WHERE request = NEW.request AND person = NEW.person)
                OR EXISTS (SELECT 1 FROM vote WHERE digest = NEW.digest);
        END;
        CREATE TRIGGER vote_update BEFORE UPDATE ON vote BEGIN SELECT RAISE(ABORT, 'a vote never changes'); END;
        CREATE TRIGGER vote_delete BEFORE DELETE ON vote BEGIN SELECT RAISE(ABORT, 'a vote is never deleted'); END;

        CREATE TABLE grant (
            id TEXT NOT NULL PRIMARY KEY CHECK (id = 'g-' || substr(request, 3)),
            request TEXT NOT NULL UNIQUE REFERENCES request (id),
            holder TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('ready', 'active', 'ending', 'ended', 'lapsed', 'cancelled')),
            version INTEGER NOT NULL CHECK (version > 0),
            granted_seconds INTEGER NOT NULL CHECK (granted_seconds > 0),
            activate_before INTEGER NOT NULL,
            activation TEXT,
            activation_signatures TEXT CHECK (activation_signatures GLOB '[[]*]'),
            starts_at INTEGER CHECK (starts_at > 0),
            not_before INTEGER CHECK (not_before > 0),
            not_after INTEGER,
            lease INTEGER NOT NULL DEFAULT 1 CHECK (lease BETWEEN 1 AND 1000),
            ended_at INTEGER CHECK (ended_at > 0),
            end_reason TEXT CHECK (end_reason NOT GLOB '*[^a-z-]*' AND length(end_reason) BETWEEN 1 AND 32),
            created_at INTEGER NOT NULL CHECK (created_at > 0),
            CONSTRAINT activated_after_created CHECK (activate_before > created_at),
            CONSTRAINT activated CHECK (
                (state IN ('active', 'ending', 'ended')) = (activation IS NOT NULL)
                AND (activation IS NULL) = (activation_signatures IS NULL)
                AND (activation IS NULL) = (not_before IS NULL) AND (activation IS NULL) = (not_after IS NULL)),
            CONSTRAINT as_signed CHECK (
                activation IS NULL OR (instr(activation, '"type":"activation"') > 0
                    AND instr(activation, '"person":"' || holder || '"') > 0)),
            CONSTRAINT time_boxed CHECK (
                not_after IS NULL OR (not_after > not_before AND not_after - not_before <= CASE lease WHEN 1 THEN granted_seconds * 1000 ELSE 86400000 END)),
            CONSTRAINT started_as_planned CHECK (not_before IS NULL OR starts_at IS NULL OR not_before >= starts_at),
            CONSTRAINT extended_when_active CHECK (lease = 1 OR activation IS NOT NULL),
            CONSTRAINT over CHECK ((state IN ('ended', 'lapsed', 'cancelled')) = (ended_at IS NOT NULL)),
            CONSTRAINT reasoned CHECK ((state IN ('ending', 'ended', 'cancelled')) = (end_reason IS NOT NULL)),
            CONSTRAINT lapsed_in_time CHECK (state <> 'lapsed' OR ended_at >= activate_before)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX grant_to_activate ON grant (activate_before) WHERE state = 'ready';
        CREATE INDEX grant_to_expire ON grant (not_after) WHERE state = 'active';
        CREATE INDEX grant_ending ON grant (state) WHERE state = 'ending';
        CREATE INDEX grant_open ON grant (holder, created_at DESC) WHERE state IN ('ready', 'active', 'ending');
        CREATE INDEX grant_by_time ON grant (created_at DESC);
        CREATE INDEX grant_over_early ON grant (coalesce(not_after, activate_before + granted_seconds * 1000))
            WHERE state IN ('ending', 'ended', 'cancelled');

        CREATE TRIGGER grant_insert BEFORE INSERT ON grant BEGIN
            SELECT RAISE(ABORT, 'a grant begins ready, at version 1') WHERE NEW.state IS NOT 'ready' OR NEW.version IS NOT 1;
            SELECT RAISE(ABORT, 'a grant that broke glass owes a review')
            WHERE EXISTS (SELECT 1 FROM request WHERE id = NEW.request AND break_glass = 1)
                AND NOT EXISTS (SELECT 1 FROM review WHERE request = NEW.request);
            SELECT RAISE(ABORT, 'a grant needs an approved request of its holder')
            WHERE NOT EXISTS (
                SELECT 1 FROM request WHERE id = NEW.request AND state = 'approved' AND person = NEW.holder);
            SELECT RAISE(ABORT, 'this grant exists')
            WHERE EXISTS (SELECT 1 FROM grant WHERE id = NEW.id OR request = NEW.request);
        END;
        CREATE TRIGGER grant_update BEFORE UPDATE ON grant BEGIN
            SELECT RAISE(ABORT, 'a grant moves forward only')
            WHERE NOT (
                (OLD.state = 'ready' AND NEW.state IN ('active', 'lapsed', 'cancelled'))
                OR (OLD.state = 'active' AND NEW.state = 'ending')
                OR (OLD.state = 'active' AND NEW.state = 'active' AND NEW.lease = OLD.lease + 1)
                OR (OLD.state = 'ending' AND NEW.state = 'ended'));
            SELECT RAISE(ABORT, 'what was granted never changes')
            WHERE NEW.id IS NOT OLD.id OR NEW.request IS NOT OLD.request OR NEW.holder IS NOT OLD.holder
                OR NEW.granted_seconds IS NOT OLD.granted_seconds OR NEW.activate_before IS NOT OLD.activate_before
                OR NEW.created_at IS NOT OLD.created_at OR NEW.starts_at IS NOT OLD.starts_at;
            SELECT RAISE(ABORT, 'a lease is prolonged by an approved extension only')
            WHERE NEW.lease IS NOT OLD.lease AND NOT (
                NEW.lease = OLD.lease + 1 AND OLD.state = 'active' AND NEW.state = 'active' AND NEW.not_after > OLD.not_after
                AND EXISTS (SELECT 1 FROM request WHERE extends = NEW.request AND lease = NEW.lease AND state = 'approved'));
            SELECT RAISE(ABORT, 'an activation never changes')
            WHERE OLD.state <> 'ready' AND (
                NEW.activation IS NOT OLD.activation OR NEW.activation_signatures IS NOT OLD.activation_signatures
                OR NEW.not_before IS NOT OLD.not_before
                OR (NEW.lease = OLD.lease AND NEW.not_after IS NOT OLD.not_after));
            SELECT RAISE(ABORT, 'an activation is of what was asked')
            WHERE NEW.activation IS NOT NULL
                AND NOT EXISTS (
                    SELECT 1 FROM request
                    WHERE id = NEW.request AND instr(NEW.activation, '"request":"' || digest || '"') > 0);
            SELECT RAISE(ABORT, 'the reason of an end never changes')
            WHERE OLD.end_reason IS NOT NULL AND NEW.end_reason IS NOT OLD.end_reason;
            SELECT RAISE(ABORT, 'a version follows the last') WHERE NEW.version IS NOT OLD.version + 1;
        END;
        CREATE TRIGGER grant_delete BEFORE DELETE ON grant BEGIN SELECT RAISE(ABORT, 'a grant is never deleted'); END;

        -- What was done without a second person, and what another one said to it.
        CREATE TABLE review (
            request TEXT NOT NULL PRIMARY KEY REFERENCES request (id),
            requester TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('due', 'overdue', 'accepted', 'flagged')),
            version INTEGER NOT NULL CHECK (version > 0),
            due_before INTEGER NOT NULL,
            told TEXT NOT NULL CHECK (told GLOB '[[]*]' AND length(told) <= 1048576),
            created_at INTEGER NOT NULL CHECK (created_at > 0),
            reviewer TEXT CHECK (
                reviewer GLOB '[a-z0-9]*' AND reviewer NOT GLOB '*[^a-z0-9._-]*' AND length(reviewer) <= 63),
            digest TEXT UNIQUE CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            statement TEXT,
            signatures TEXT CHECK (signatures GLOB '[[]*]'),
            reviewed_at INTEGER CHECK (reviewed_at > 0),
            CONSTRAINT due_after_done CHECK (due_before > created_at),
            CONSTRAINT plain CHECK (instr(coalesce(reviewer, '') || coalesce(statement, ''), char(0)) = 0),
            CONSTRAINT judged CHECK (
                (state IN ('accepted', 'flagged')) = (statement IS NOT NULL)
                AND (statement IS NULL) = (signatures IS NULL) AND (statement IS NULL) = (digest IS NULL)
                AND (statement IS NULL) = (reviewer IS NULL) AND (statement IS NULL) = (reviewed_at IS NULL)),
            CONSTRAINT by_another CHECK (reviewer IS NULL OR reviewer <> requester),
            CONSTRAINT as_signed CHECK (
                statement IS NULL OR (instr(statement, '"type":"review"') > 0
                    AND instr(statement, '"person":"' || reviewer || '"') > 0
                    AND instr(statement, '"verdict":"' || iif(state = 'flagged', 'concern', state) || '"') > 0))
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX review_due ON review (due_before) WHERE state = 'due';
        CREATE INDEX review_open ON review (due_before) WHERE state IN ('due', 'overdue');
        CREATE INDEX review_owed ON review (requester, due_before) WHERE state IN ('due', 'overdue');
        CREATE INDEX review_by_time ON review (created_at DESC);

        CREATE TRIGGER review_insert BEFORE INSERT ON review BEGIN
            SELECT RAISE(ABORT, 'a review begins due, at version 1') WHERE NEW.state IS NOT 'due' OR NEW.version IS NOT 1;
            SELECT RAISE(ABORT, 'a review is of what broke glass')
            WHERE NOT EXISTS (
                SELECT 1 FROM request
                WHERE id = NEW.request AND person = NEW.requester AND break_glass = 1 AND state = 'approved');
            SELECT RAISE(ABORT, 'this review exists') WHERE EXISTS (SELECT 1 FROM review WHERE request = NEW.request);
        END;
        CREATE TRIGGER review_update BEFORE UPDATE ON review BEGIN
            SELECT RAISE(ABORT, 'a review moves forward only')
            WHERE NOT (
                (OLD.state = 'due' AND NEW.state IN ('overdue', 'accepted', 'flagged'))
                OR (OLD.state = 'overdue' AND NEW.state IN ('accepted', 'flagged')));
            SELECT RAISE(ABORT, 'what is to be reviewed never changes')
            WHERE NEW.request IS NOT OLD.request OR NEW.requester IS NOT OLD.requester OR NEW.due_before IS NOT OLD.due_before
                OR NEW.told IS NOT OLD.told OR NEW.created_at IS NOT OLD.created_at;
            SELECT RAISE(ABORT, 'a review is of what was asked')
            WHERE NEW.statement IS NOT NULL
                AND NOT EXISTS (
                    SELECT 1 FROM request
                    WHERE id = NEW.request AND instr(NEW.statement, '"request":"' || digest || '"') > 0);
            SELECT RAISE(ABORT, 'this judgement exists')
            WHERE NEW.digest IS NOT NULL AND EXISTS (SELECT 1 FROM review WHERE digest = NEW.digest);
            SELECT RAISE(ABORT, 'a version follows the last') WHERE NEW.version IS NOT OLD.version + 1;
        END;
        CREATE TRIGGER review_delete BEFORE DELETE ON review BEGIN SELECT RAISE(ABORT, 'a review is never deleted'); END;

        CREATE TABLE ending (
            digest TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            kind TEXT NOT NULL CHECK (kind IN ('withdraw', 'release', 'revoke', 'end')),
            subject TEXT NOT NULL CHECK (
                subject GLOB '?-[0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]'
                AND substr(subject, 1, 1) = CASE kind WHEN 'withdraw' THEN 'r' WHEN 'end' THEN 's' ELSE 'g' END),
            person TEXT NOT NULL
                CHECK (person GLOB '[a-z0-9]*' AND person NOT GLOB '*[^a-z0-9._-]*' AND length(person) <= 63),
            statement TEXT NOT NULL,
            signatures TEXT NOT NULL CHECK (signatures GLOB '[[]*]'),
            at INTEGER NOT NULL CHECK (at > 0),
            CONSTRAINT plain CHECK (instr(digest || subject || person || statement, char(0)) = 0),
            CONSTRAINT as_signed CHECK (
                instr(statement, '"type":"ending"') > 0 AND instr(statement, '"kind":"' || kind || '"') > 0
                AND instr(statement, '"person":"' || person || '"') > 0)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX ending_by_subject ON ending (subject);

        CREATE TRIGGER ending_insert BEFORE INSERT ON ending BEGIN
            SELECT RAISE(ABORT, 'this ending exists') WHERE EXISTS (SELECT 1 FROM ending WHERE digest = NEW.digest);
        END;
        CREATE TRIGGER ending_update BEFORE UPDATE ON ending BEGIN SELECT RAISE(ABORT, 'an ending never changes'); END;
        CREATE TRIGGER ending_delete BEFORE DELETE ON ending BEGIN SELECT RAISE(ABORT, 'an ending is never deleted'); END;
        """

    /// Sessions, and when each node was last heard of.
    private static let sessions: StaticString = """
        CREATE TABLE session (
            id TEXT NOT NULL PRIMARY KEY
                CHECK (id GLOB 's-[0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]'),
            grant TEXT NOT NULL REFERENCES grant (id),
            node TEXT NOT NULL CHECK (node GLOB '[a-z0-9]*' AND node NOT GLOB '*[^a-z0-9._-]*' AND length(node) <= 63),
            person TEXT NOT NULL,
            capability TEXT NOT NULL CHECK (capability IN ('shell', 'exec', 'forward', 'ssh', 'copy')
                OR (capability GLOB 'exec:[a-z0-9]*' AND NOT capability GLOB 'exec:*[^a-z0-9._-]*' AND length(capability) <= 68)),
            state TEXT NOT NULL CHECK (state IN ('opening', 'live', 'detached', 'ending', 'ended')),
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
                (OLD.state = 'opening' AND NEW.state IN ('live', 'ending', 'ended'))
                OR (OLD.state = 'live' AND NEW.state IN ('detached', 'ending', 'ended'))
                OR (OLD.state = 'detached' AND NEW.state IN ('live', 'ending', 'ended'))
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

    /// What happened (P5). `actor` is empty for the broker itself.
    private static let ledger: StaticString = """
        CREATE TABLE ledger (
            number INTEGER PRIMARY KEY CHECK (number > 0),
            at INTEGER NOT NULL CHECK (at > 0),
            event TEXT NOT NULL CHECK (event GLOB '[a-z]*.[a-z]*' AND event NOT GLOB '*[^a-z.-]*' AND length(event) <= 64),
            subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 255),
            actor TEXT NOT NULL CHECK (length(actor) <= 255),
            body TEXT NOT NULL CHECK (body GLOB '{*}'),
            previous TEXT NOT NULL CHECK (length(previous) = 64 AND previous NOT GLOB '*[^0-9a-f]*'),
            hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*'),
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
            SELECT RAISE(ABORT, 'this ledger entry exists') WHERE EXISTS (SELECT 1 FROM ledger WHERE hash = NEW.hash);
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
