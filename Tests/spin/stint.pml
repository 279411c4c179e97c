/* SPDX-License-Identifier: Apache-2.0
 *
 * Approval, expiry, revocation, extension and partition of one grant, for spin to look at every order of events.
 * check.sh runs it as it is, and with each of the classic mistakes, which have to be found:
 *
 *   -DCHECK_THEN_ACT   a verb looks in one transaction and stores in another, without the version it saw
 *   -DBROKER_CLOCK     the deadline stands at the broker only, on its wall clock
 *   -DCOUNT_VOTES      votes are counted, and not the people who cast them
 *   -DNO_LEASE         a session lives on without a word from the broker
 *   -DREVIVE           an extension is stored without looking whether the grant still is
 *
 * Time moves in ticks; a tick is the second that P2 allows. The node looks at its deadlines when time has moved.
 */

#define GRANTED    2      /* ticks that a grant lasts */
#define EXTENSION  1      /* ticks that an extension adds, once */
#define CAP        3      /* ticks from activation on, whatever was extended */
#define LEASE      1      /* ticks that a session lives without a word from the broker */
#define HORIZON    6
#define SEATS      2      /* filled by 1 and 2; 0 is the requester; each may try again with a second device */
#define NEVER      255

mtype = { pending, approved, denied, withdrawn, lapsed };
mtype = { none, ready, running, ending, ended };

/* The truth */
byte now = 0;
bool cut = false;            /* broker and node do not hear each other */
short skew = 0;              /* of the broker's wall clock, stepped once, either way */

/* The broker's database */
mtype request = pending;
mtype grant = none;
byte voted = 0;              /* a bit for each person */
byte castVotes = 0;
short decideBefore = 2;
short activateBefore = 4;
short notAfter = 0;
byte activatedAt = 0;        /* as the requester signed it */
byte extensions = 0;
byte revokedAt = NEVER;

/* The node */
bool live = false;
bool opened = false;         /* it has seen the grant */
byte mayLiveUntil = 0;       /* on its boot-time clock */
byte heard = 0;

#define BROKER_NOW      (now + skew)
#define DISTINCT        (((voted >> 1) & 1) + ((voted >> 2) & 1))
#define IS_OPEN         (request == pending && BROKER_NOW < decideBefore)
#define HAS_VOTED(p)    ((voted >> p) & 1)

#ifdef COUNT_VOTES
#define MAY_VOTE(p)     true
#else
#define MAY_VOTE(p)     (p != 0 && !HAS_VOTED(p))
#endif

#ifdef REVIVE
#define MAY_EXTEND      (extensions < 1 && grant != none && grant != ready)
#else
#define MAY_EXTEND      (extensions < 1 && grant == running && BROKER_NOW < notAfter)
#endif

inline resolve(next) {
    assert(request == pending);       /* an end is final */
    request = next
}

inline vote(person) {
    voted = voted | (1 << person);
    castVotes++;
    if
#ifdef COUNT_VOTES
    :: castVotes >= SEATS ->
#else
    :: DISTINCT >= SEATS ->
#endif
        resolve(approved);
        grant = ready;
        assert(DISTINCT >= SEATS)     /* P1: distinct people, never the requester */
    :: else
    fi
}

/* The node's own decision: what was signed, and its own memory of when the time is up. */
inline open_session() {
    if
    :: !cut ->
        assert(DISTINCT >= SEATS);
        if
        :: !opened -> mayLiveUntil = activatedAt + GRANTED; opened = true
        :: else
        fi;
        if
        :: now < mayLiveUntil -> live = true; heard = now
        :: else
        fi
    :: else
    fi
}

inline activate() {
    grant = running;
    activatedAt = now;
    notAfter = BROKER_NOW + GRANTED;
    open_session()
}

/* A linked request for more time was approved: the lease gets its next version. */
inline extend() {
    grant = running;
    extensions++;
    notAfter = notAfter + EXTENSION;
    if
    :: !cut && opened && now < mayLiveUntil && mayLiveUntil + EXTENSION <= activatedAt + CAP ->
        mayLiveUntil = mayLiveUntil + EXTENSION
    :: else
    fi
}

inline end_grant() {
    grant = ending;
    revokedAt = (revokedAt == NEVER -> now : revokedAt)
}

/* Each verb is one transaction: what it looks at and what it stores. */
proctype Operators() {
    do
#ifdef CHECK_THEN_ACT
    :: IS_OPEN && MAY_VOTE(1) ->
        atomic { vote(1) }            /* another transaction */
#else
    :: atomic { IS_OPEN && MAY_VOTE(1) -> vote(1) }
#endif
    :: atomic { IS_OPEN && MAY_VOTE(2) -> vote(2) }
    :: atomic { IS_OPEN && MAY_VOTE(0) -> vote(0) }
    :: atomic { IS_OPEN -> resolve(denied) }
    :: atomic { request == pending -> resolve(withdrawn) }
    :: atomic { grant == ready && BROKER_NOW < activateBefore -> activate() }
    :: atomic { grant == running && BROKER_NOW < notAfter && !live -> open_session() }
    :: atomic { MAY_EXTEND -> extend() }
    :: atomic { grant == running -> end_grant() }
    :: now >= HORIZON -> break
    od
}

/* Carries out what a deadline decided; it is never the guard. */
proctype Sweeper() {
    do
#ifdef CHECK_THEN_ACT
    :: request == pending && BROKER_NOW >= decideBefore ->
        atomic { resolve(lapsed) }    /* another transaction */
#else
    :: atomic { request == pending && BROKER_NOW >= decideBefore -> resolve(lapsed) }
#endif
    :: atomic { grant == ready && BROKER_NOW >= activateBefore -> grant = ended }
    :: atomic { grant == running && BROKER_NOW >= notAfter -> end_grant() }
    :: atomic { grant == ending && !live -> grant = ended }
    :: now >= HORIZON -> break
    od
}

/* What passes between broker and node within a tick, and what the node does by itself. */
inline node_looks() {
    if
    :: live && !cut && grant != running -> live = false
    :: live && !cut && grant == running -> heard = now
    :: else
    fi;
    if
#ifdef BROKER_CLOCK
    :: live && !cut && BROKER_NOW >= notAfter -> live = false
#else
    :: live && now >= mayLiveUntil -> live = false
#endif
    :: else
    fi;
#ifndef NO_LEASE
    if
    :: live && now >= heard + LEASE -> live = false
    :: else
    fi
#else
    skip
#endif
}

proctype World() {
    do
    :: atomic {
        now < HORIZON ->
            if
            :: cut = true
            :: cut = false
            fi;
            if
            :: skew == 0 -> skew = -5
            :: skew == 0 -> skew = 5
            :: skip
            fi;
            now++;
            node_looks();
            /* P2: it ends, whatever broker, network and wall clock do; more time only by an extension, up to the cap */
            assert(!live || now < activatedAt + CAP);
            assert(!live || extensions > 0 || now < activatedAt + GRANTED);
            /* a revocation takes at most a tick, or the lease when cut off */
            assert(!live || revokedAt == NEVER || (cut && now < revokedAt + LEASE))
       }
    :: now >= HORIZON -> break
    od
}

/* An end is final: watched from outside, whoever stored what. */
proctype Watcher() {
    atomic { grant == ended };
    atomic { grant != ended -> assert(false) }
}

init {
    atomic {
        run Operators();
        run Sweeper();
        run World();
        run Watcher()
    }
}
