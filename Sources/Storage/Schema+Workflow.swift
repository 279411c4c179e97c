// SPDX-License-Identifier: Apache-2.0
// SECURITY: nobody votes on their own request, what was asked, agreed to and granted never changes, and what is over
// never comes back.

extension Schema {
    /// Request, vote, grant, ending.
    static let workflow: StaticString = """
        CREATE TABLE request (
            id TEXT NOT NULL PRIMARY KEY
                CHECK (id GLOB 'r-[0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]'),
            digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64 AND digest NOT GLOB '*[^0-9a-f]*'),
            person TEXT NOT NULL
                CHECK (person GLOB '[a-z0-9]*' AND person NOT GLOB '*[^a-z0-9._-]*' AND length(person) <= 63),
            state TEXT NOT NULL
                CHECK (state = 'pending' OR state = 'approved' OR state = 'denied' OR state = 'withdrawn' OR state = 'lapsed' OR state = 'invalidated'),
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
        CREATE INDEX request_pending ON request (person) WHERE state = 'pending';
        CREATE INDEX request_by_person ON request (person, created_at DESC);
        CREATE INDEX request_by_time ON request (created_at DESC);
        CREATE INDEX request_by_extended ON request (extends, lease, created_at, id) WHERE extends IS NOT NULL;
        CREATE UNIQUE INDEX request_extends ON request (extends, lease) WHERE state IN ('pending', 'approved');

        CREATE TRIGGER request_insert BEFORE INSERT ON request BEGIN
            SELECT RAISE(ABORT, 'a request begins pending, at version 1')
            WHERE NEW.state IS NOT 'pending' OR NEW.version IS NOT 1;
            SELECT RAISE(ABORT, 'this request exists')
            WHERE EXISTS (SELECT 1 FROM request WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM request WHERE digest = NEW.digest);
            SELECT RAISE(ABORT, 'an extension is of an active grant of the same person, and its next lease')
            WHERE NEW.extends IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM request AS r JOIN grant AS g ON g.id = 'g-' || substr(r.id, 3)
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
            request TEXT NOT NULL REFERENCES request (id),
            holder TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state = 'ready' OR state = 'active' OR state = 'ending' OR state = 'ended' OR state = 'lapsed' OR state = 'cancelled'),
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
                (state = 'active' OR state = 'ending' OR state = 'ended') = (activation IS NOT NULL)
                AND (activation IS NULL) = (activation_signatures IS NULL)
                AND (activation IS NULL) = (not_before IS NULL) AND (activation IS NULL) = (not_after IS NULL)),
            CONSTRAINT as_signed CHECK (
                activation IS NULL OR (instr(activation, '"type":"activation"') > 0
                    AND instr(activation, '"person":"' || holder || '"') > 0)),
            CONSTRAINT time_boxed CHECK (
                not_after IS NULL OR (not_after > not_before AND not_after - not_before <= CASE lease WHEN 1 THEN granted_seconds * 1000 ELSE 86400000 END)),
            CONSTRAINT started_as_planned CHECK (not_before IS NULL OR starts_at IS NULL OR not_before >= starts_at),
            CONSTRAINT extended_when_active CHECK (lease = 1 OR activation IS NOT NULL),
            CONSTRAINT over CHECK ((state = 'ended' OR state = 'lapsed' OR state = 'cancelled') = (ended_at IS NOT NULL)),
            CONSTRAINT reasoned CHECK ((state = 'ending' OR state = 'ended' OR state = 'cancelled') = (end_reason IS NOT NULL)),
            CONSTRAINT lapsed_in_time CHECK (state <> 'lapsed' OR ended_at >= activate_before)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX grant_to_activate ON grant (activate_before) WHERE state = 'ready';
        CREATE INDEX grant_to_expire ON grant (not_after) WHERE state = 'active';
        CREATE INDEX grant_ending ON grant (state) WHERE state = 'ending';
        CREATE INDEX grant_open ON grant (holder, created_at DESC) WHERE ended_at IS NULL;
        CREATE INDEX grant_by_time ON grant (created_at DESC);
        CREATE INDEX grant_over_early ON grant (coalesce(not_after, activate_before + granted_seconds * 1000))
            WHERE end_reason IS NOT NULL;

        CREATE TRIGGER grant_insert BEFORE INSERT ON grant BEGIN
            SELECT RAISE(ABORT, 'a grant begins ready, at version 1') WHERE NEW.state IS NOT 'ready' OR NEW.version IS NOT 1;
            SELECT RAISE(ABORT, 'a grant that broke glass owes a review')
            WHERE EXISTS (SELECT 1 FROM request WHERE id = NEW.request AND break_glass = 1)
                AND NOT EXISTS (SELECT 1 FROM review WHERE request = NEW.request);
            SELECT RAISE(ABORT, 'a grant needs an approved request of its holder')
            WHERE NOT EXISTS (
                SELECT 1 FROM request WHERE id = NEW.request AND state = 'approved' AND person = NEW.holder);
            SELECT RAISE(ABORT, 'this grant exists')
            WHERE EXISTS (SELECT 1 FROM grant WHERE id = NEW.id);
        END;
        CREATE TRIGGER grant_update BEFORE UPDATE ON grant BEGIN
            SELECT RAISE(ABORT, 'a grant moves forward only')
            WHERE NOT (
                (OLD.state = 'ready' AND (NEW.state = 'active' OR NEW.state = 'lapsed' OR NEW.state = 'cancelled'))
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
            WHERE NEW.activation IS NOT NULL AND NEW.activation IS NOT OLD.activation
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
            state TEXT NOT NULL CHECK (state = 'due' OR state = 'overdue' OR state = 'accepted' OR state = 'flagged'),
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
                (OLD.state = 'due' AND (NEW.state = 'overdue' OR NEW.state = 'accepted' OR NEW.state = 'flagged'))
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
            kind TEXT NOT NULL CHECK (kind = 'withdraw' OR kind = 'release' OR kind = 'revoke' OR kind = 'end'),
            subject TEXT NOT NULL CHECK (
                subject GLOB '?-[0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]'
                AND (substr(subject, 1, 1) = CASE kind WHEN 'withdraw' THEN 'r' WHEN 'end' THEN 's' ELSE 'g' END
                    OR substr(subject, 1, 1) = 'p' AND kind = 'withdraw')),
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
}
