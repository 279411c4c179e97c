#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second opinion on the life of requests, grants and sessions.

Written from docs/architecture.md and the design, not from Sources/Access. Reads sequences as JSON lines on standard
input (Tests/Simulator/Lifecycle.swift), replays every step, and compares what came of it. Exit status 1 and the first
differences when the two disagree.
"""

import itertools
import json
import sys

DAY = 86_400
FRESHNESS = 60  # seconds that a signed time may be from the clock of whoever checks it
REASON_MAXIMUM = 1000


class Refused(Exception):
    pass


def demand(condition):
    if not condition:
        raise Refused


# Who and what


def matches(selector, name, node):
    """A conjunction of conditions, each with alternatives; `*` is every node; `name` is built in."""
    if selector == "*":
        return True
    tags = dict(tag.split("=", 1) for tag in node["tags"])
    tags["name"] = name
    for condition in selector.split(","):
        key, values = condition.split("=", 1)
        if tags.get(key) not in values.split("|"):
            return False
    return True


def specificity(selector):
    if selector == "*":
        return 0
    return sum(100 if condition.startswith("name=") else 1 for condition in selector.split(","))


def includes(principals, name, person):
    return any(p == "person:" + name or p.startswith("group:") and p[6:] in person["groups"] for p in principals)


def can_fill(seats, people):
    """Whether distinct people fill all the seats: every way of seating them is tried."""
    slots = [seat["of"] for seat in seats for _ in range(seat["count"])]
    if len(people) < len(slots):
        return False
    return any(
        all(includes(of, name, person) for of, (name, person) in zip(slots, seating))
        for seating in itertools.permutations(people, len(slots))
    )


def broken(rule):
    """What a rule gives to whoever breaks glass."""
    demand(rule and rule["breakGlass"])
    glass = rule["breakGlass"]
    changes = {key: glass[key] for key in ("requesters", "nodes", "capabilities") if glass[key] is not None}
    return {**rule, **changes, "maximumDuration": min(rule["maximumDuration"], glass["maximumDuration"])}


def extended(rule):
    """What an extension is judged by: its seats and lengths in place of those of a request."""
    demand(rule)
    ext = rule["extension"]
    first = lambda value, other: other if value is None else value
    return {
        **rule, "maximumDuration": first(ext["longest"], rule["maximumDuration"]), "total": first(ext["total"], rule["maximumDuration"]),
        "seats": ext["approval"] if isinstance(ext["approval"], list) else rule["seats"], "automatic": ext["approval"] == "automatic",
    }


def longest_extension(rules, granted):
    named = [granted if rule["extension"]["longest"] is None else rule["extension"]["longest"] for rule in rules]
    return min(named + [rule["maximumDuration"] for rule in rules] + [DAY])


def latest_end(rules, start):
    return start + min([rule["total"] for rule in rules] + [DAY])


def later_end(rules, not_after, duration, start, granted):
    return max(not_after, min(not_after + min(duration, longest_extension(rules, granted)), latest_end(rules, start)))


def reviewers(rule):
    named = rule["breakGlass"]["reviewers"]
    return named if named is not None else [principal for seat in rule["seats"] for principal in seat["of"]]


class World:
    def __init__(self, facts):
        self.facts = facts
        self.requests, self.grants, self.sessions, self.reviews = [], {}, [], {}

    def person(self, name):
        return self.facts["people"].get(name)

    def entitlement(self, charter, name):
        return next((rule for rule in charter if rule["name"] == name), None)

    def enabled_nodes(self, *selectors):
        return {
            name for name, node in self.facts["nodes"].items()
            if node["enabled"] and all(matches(selector, name, node) for selector in selectors)
        }

    # The rules that apply: the stricter of those at the time of the request and those in force

    def covers_terms(self, rule, request, stands=False):
        """What was asked before a maximum was lowered is granted for less, and not refused."""
        return (
            set(request["capabilities"]) <= set(rule["capabilities"]) and request["user"] in rule["runAs"]
            and request["duration"] >= 1 and (stands or request["duration"] <= rule["maximumDuration"])
            and rule["minimumReasonLength"] <= len(request["reason"]) <= REASON_MAXIMUM
        )

    def rules(self, request):
        charters = self.facts["charters"]
        rules = [self.entitlement(charter, request["entitlement"]) for charter in (charters[request["charter"]], charters[-1])]
        demand(all(rules))
        if request.get("extends") is not None:
            demand(not request["breakGlass"] and request["lease"] - 1 <= min(rule["extension"]["count"] for rule in rules))
            rules = [extended(rule) for rule in rules]
        elif request["breakGlass"]:
            rules = [broken(rule) for rule in rules]
        person = self.person(request["person"])
        demand(person and person["enabled"])
        for rule, stands in zip(rules, (False, True)):
            demand(includes(rule["requesters"], request["person"], person))
            demand(self.covers_terms(rule, request, stands))
        return rules

    def nodes_asked(self, request, rules):
        return self.enabled_nodes(request["selector"], *(rule["nodes"] for rule in rules))

    def may_vote(self, name, request, rules):
        person = self.person(name)
        return (
            name != request["person"] and not request["breakGlass"] and person and person["enabled"]
            and all(any(includes(seat["of"], name, person) for seat in rule["seats"]) for rule in rules)
        )

    # Requests

    def do_ask(self, step):
        name, charter = step["person"], self.facts["charters"][-1]
        person = self.person(name)
        demand(person["enabled"])
        candidates = []
        for order, rule in enumerate(charter):
            if step["breakGlass"]:
                if not rule["breakGlass"]:
                    continue
                rule = broken(rule)
            if not includes(rule["requesters"], name, person) or not self.enabled_nodes(step["selector"], rule["nodes"]):
                continue
            others = [(n, p) for n, p in self.facts["people"].items() if n != name and p["enabled"]]
            if step["breakGlass"]:
                is_possible = any(includes(reviewers(rule), n, p) for n, p in others)
            else:
                is_possible = can_fill(rule["seats"], others)
            if self.covers_terms(rule, step) and is_possible:
                seats = sum(seat["count"] for seat in rule["seats"])
                candidates.append((-specificity(rule["nodes"]), seats, order, rule))
        if step["wanted"] is not None:
            candidates = [c for c in candidates if c[3]["name"] == step["wanted"]]
        demand(candidates)
        rule = min(candidates, key=lambda c: c[:3])[3]
        request = {
            "breakGlass": step["breakGlass"], "person": name, "entitlement": rule["name"], "charter": len(self.facts["charters"]) - 1,
            "selector": step["selector"], "capabilities": step["capabilities"], "user": step["user"],
            "duration": step["duration"], "reason": step["reason"], "at": step["now"], "state": "pending",
            "decideBefore": step["now"] + rule["pendingFor"], "votes": [],
        }
        if not step["breakGlass"]:
            self.requests.append(request)
            return {"ok": True, "entitlement": rule["name"]}
        return self.break_glass(request, step, rule)

    # Without anybody's consent

    def break_glass(self, request, step, rule):
        rules = self.rules(request)
        demand(not step["overdue"] and step["spent"] < min(rule["breakGlass"]["perMonth"] for rule in rules))
        terms = self.judge(request, [])
        approved_at = terms.pop("approvedAt")
        request["state"] = "approved"
        number = len(self.requests)
        self.requests.append(request)
        self.grants[number] = {
            "state": "ready", "holder": request["person"], "granted": terms["duration"], "reason": "",
            "activateBefore": terms["activateBefore"], "approvedAt": approved_at, "notAfter": None, "lease": 1,
        }
        self.reviews[number] = {
            "state": "due", "dueBefore": step["now"] + min(rule["breakGlass"]["reviewWithin"] for rule in rules),
        }
        skipped = [p for rule in rules for p in reviewers(rule) + [p for seat in rule["seats"] for p in seat["of"]]]
        told = sorted(
            name for name, person in self.facts["people"].items()
            if person["enabled"] and name != request["person"] and includes(skipped, name, person)
        )
        return {"ok": True, "entitlement": rule["name"], "grant": terms, "told": told}

    def do_review(self, step):
        review, request = self.reviews.get(step["request"]), self.requests[step["request"]]
        demand(review and review["state"] in ("due", "overdue"))
        if not step["judges"]:
            demand(review["state"] == "due" and step["now"] >= review["dueBefore"])
            review["state"] = "overdue"
            return {"ok": True, "state": "overdue"}
        person = self.person(step["person"])
        demand(step["person"] != request["person"] and person["enabled"])
        charters = self.facts["charters"]
        rules = (self.entitlement(charter, request["entitlement"]) for charter in (charters[-1], charters[request["charter"]]))
        rule = next((rule for rule in rules if rule and rule["breakGlass"]), None)
        demand(rule and includes(reviewers(rule), step["person"], person))
        review["state"] = "accepted" if step["accepts"] else "flagged"
        return {"ok": True, "state": review["state"]}

    def judge(self, request, votes):
        """`denied`, `pending`, or the terms of the grant."""
        rules = self.rules(request)
        if request["breakGlass"] or not votes and all(rule.get("automatic") for rule in rules):
            return self.terms(request, rules, [])
        votes = [vote for vote in votes if self.may_vote(vote["person"], request, rules)]
        denials = {vote["person"] for vote in votes if not vote["approves"]}
        if len(denials) >= min(rule["denyThreshold"] for rule in rules):
            return "denied"
        approvals = [vote for vote in votes if vote["approves"]]
        people = [(name, self.person(name)) for name in sorted({vote["person"] for vote in approvals})]
        if not all(can_fill(rule["seats"], people) for rule in rules):
            return "pending"
        return self.terms(request, rules, approvals)

    def terms(self, request, rules, approvals):
        """The intersection of what was agreed to."""
        nodes = self.nodes_asked(request, rules).intersection(*(vote["nodes"] for vote in approvals))
        demand(nodes)
        approved_at = max([request["at"]] + [vote["now"] for vote in approvals])
        return {
            "nodes": sorted(nodes),
            "duration": min([request["duration"], DAY] + [rule["maximumDuration"] for rule in rules] + [vote["duration"] for vote in approvals]),
            "activateBefore": approved_at + min(rule["activateWithin"] for rule in rules),
            "approvedAt": approved_at,
        }

    def do_vote(self, step):
        request = self.requests[step["request"]]
        demand(request["state"] == "pending" and step["now"] < request["decideBefore"])
        if request.get("extends") is not None:
            self.demand_life(request["extends"], step["now"])
        rules = self.rules(request)
        demand(self.may_vote(step["person"], request, rules))
        demand(all(vote["person"] != step["person"] for vote in request["votes"]))
        if step["approves"]:
            demand(1 <= step["duration"] <= request["duration"])
            demand(step["nodes"] and set(step["nodes"]) <= self.nodes_asked(request, rules))
        outcome = self.judge(request, request["votes"] + [step])
        if isinstance(outcome, dict) and request.get("extends") is not None:
            not_after = self.prolong(request, rules, outcome, step["now"])
            request["votes"].append(step)
            request["state"] = "approved"
            return {"ok": True, "state": "approved", "notAfter": not_after}
        request["votes"].append(step)
        if outcome == "pending":
            return {"ok": True, "state": "pending"}
        if outcome == "denied":
            request["state"] = "denied"
            return {"ok": True, "state": "denied"}
        request["state"] = "approved"
        approved_at = outcome.pop("approvedAt")
        self.grants[step["request"]] = {
            "state": "ready", "holder": request["person"], "granted": outcome["duration"], "reason": "",
            "activateBefore": outcome["activateBefore"], "approvedAt": approved_at, "notAfter": None, "lease": 1,
        }
        return {"ok": True, "state": "approved", "grant": outcome}

    # More time

    def demand_life(self, number, now):
        grant = self.grants.get(number)
        demand(grant and grant["state"] == "active" and now < grant["notAfter"])
        return grant

    def prolong(self, request, rules, agreed, now):
        grant = self.demand_life(request["extends"], now)
        demand(agreed["approvedAt"] < grant["notAfter"] and request["lease"] == grant["lease"] + 1)
        end = later_end(rules, grant["notAfter"], agreed["duration"], grant["activation"]["at"], grant["granted"])
        demand(end > grant["notAfter"])
        grant["notAfter"], grant["lease"] = end, request["lease"]
        return end

    def do_extend(self, step):
        first, now = self.requests[step["request"]], step["now"]
        demand(first.get("extends") is None)
        grant = self.demand_life(step["request"], now)
        demand(all(other.get("extends") != step["request"] or other["state"] != "pending" for other in self.requests))
        request = {
            **first, "duration": step["duration"], "reason": step["reason"], "at": now, "state": "pending", "votes": [],
            "extends": step["request"], "lease": step["lease"],
        }
        rules = self.rules(request)
        demand(step["lease"] == grant["lease"] + 1)
        left = min(longest_extension(rules, grant["granted"]), latest_end(rules, grant["activation"]["at"]) - grant["notAfter"])
        demand(left >= 1 and step["duration"] <= left)
        request["decideBefore"] = min(now + min(rule["pendingFor"] for rule in rules), grant["notAfter"])
        if all(rule["automatic"] for rule in rules):
            end = self.prolong(request, rules, self.judge(request, []), now)
            request["state"] = "approved"
            self.requests.append(request)
            return {"ok": True, "state": "approved", "notAfter": end}
        voters = [(name, person) for name, person in self.facts["people"].items() if self.may_vote(name, request, rules)]
        demand(all(can_fill(rule["seats"], voters) for rule in rules))
        self.requests.append(request)
        return {"ok": True, "state": "pending"}

    def resolve(self, step, condition, state):
        request = self.requests[step["request"]]
        demand(request["state"] == "pending" and condition(request))
        request["state"] = state
        return {"ok": True, "state": state}

    def do_withdraw(self, step):
        return self.resolve(step, lambda request: request["person"] == step["person"], "withdrawn")

    def do_lapse(self, step):
        return self.resolve(step, lambda request: step["now"] >= request["decideBefore"], "lapsed")

    def do_look(self, step):
        def is_invalid(request):
            try:
                return not self.nodes_asked(request, self.rules(request))
            except Refused:
                return True
        return self.resolve(step, is_invalid, "invalidated")

    # Grants

    def do_activate(self, step):
        grant, request = self.grants.get(step["request"]), self.requests[step["request"]]
        demand(grant and grant["state"] == "ready")
        rules = self.rules(request)
        demand(step["person"] == grant["holder"] and step["now"] < grant["activateBefore"])
        grant["state"] = "active"
        grant["activation"] = step
        grant["notAfter"] = step["at"] + min([grant["granted"], DAY] + [rule["maximumDuration"] for rule in rules])
        return {"ok": True, "state": "active", "notAfter": grant["notAfter"]}

    def do_grant(self, step):
        grant, event, now = self.grants.get(step["request"]), step["event"], step["now"]
        demand(grant)
        if event == "revoke":
            demand(grant["state"] in ("ready", "active"))
            grant["state"] = "cancelled" if grant["state"] == "ready" else "ending"
            grant["reason"] = "revoked"
        elif event == "expire":
            demand(grant["state"] == "active" and now >= grant["notAfter"])
            grant["state"], grant["reason"] = "ending", "expired"
        elif event == "lapse":
            demand(grant["state"] == "ready" and now >= grant["activateBefore"])
            grant["state"] = "lapsed"
        else:
            demand(grant["state"] == "ending")
            grant["state"] = "ended"
        return {"ok": True, "state": grant["state"], "reason": grant["reason"]}

    # Sessions

    def do_open(self, step):
        """What a node decides by itself, on the signed evidence and never on the broker's states."""
        request, now = self.requests[step["request"]], step["now"]
        grant = self.grants.get(step["request"])
        demand(grant and "activation" in grant)
        activation = grant["activation"]
        rules = self.rules(request)
        demand(step["person"] == request["person"] and step["deviceOf"] == step["person"])
        terms = self.judge(request, request["votes"])
        demand(isinstance(terms, dict))
        demand(step["node"] in terms["nodes"])
        demand(step["capability"] in request["capabilities"] and step["user"] == request["user"])
        demand(activation["person"] == request["person"])
        demand(terms["approvedAt"] - FRESHNESS <= activation["at"] < terms["activateBefore"])
        demand(abs(now - step["at"]) <= FRESHNESS and activation["at"] <= now + FRESHNESS)
        not_after = activation["at"] + terms["duration"]
        agreed = [r for r in self.requests if r.get("extends") == step["request"] and r["state"] == "approved"]
        for version, extension in enumerate(sorted(agreed, key=lambda r: r["lease"]), 2):
            demand(extension["lease"] == version)
            more = self.judge(extension, extension["votes"])
            demand(isinstance(more, dict) and more["approvedAt"] < not_after)
            if step["node"] in more["nodes"]:
                not_after = later_end(self.rules(extension), not_after, more["duration"], activation["at"], terms["duration"])
        demand(now < not_after)
        self.sessions.append({"state": "opening", "reason": ""})
        least = lambda key: min(rule[key] for rule in rules)
        return {
            "ok": True, "notAfter": not_after, "version": len(agreed) + 1, "lease": least("lease"), "idle": least("idleLimit"), "maximum": least("sessionMaximum"),
            "withoutBroker": "lease" if any(rule["withoutBroker"] == "lease" for rule in rules) else "untilDeadline",
        }

    MOVES = {
        "accept": ({"opening"}, "live"), "detach": ({"live"}, "detached"), "attach": ({"detached"}, "live"),
        "end": ({"opening", "live", "detached"}, "ending"), "receipt": ({"opening", "live", "detached", "ending"}, "ended"),
        "giveUp": ({"opening", "live", "detached", "ending"}, "ended"),
    }
    REASONS = {"end": "revoked", "receipt": "exited", "giveUp": "unconfirmed"}

    def do_session(self, step):
        demand(step["session"] < len(self.sessions))
        session = self.sessions[step["session"]]
        before, after = self.MOVES[step["event"]]
        demand(session["state"] in before)
        session["state"] = after
        session["reason"] = self.REASONS.get(step["event"], session["reason"])
        return {"ok": True, **session}

    def do_change(self, step):
        self.facts = step["facts"]
        return {"ok": True}

    def step(self, step):
        try:
            return getattr(self, "do_" + step["do"])(step)
        except Refused:
            return {"ok": False}


def main():
    differences = sequences = steps = accepted = 0
    done = {}
    for line in sys.stdin:
        sequence = json.loads(line)
        world = World(sequence["facts"])
        sequences += 1
        for number, step in enumerate(sequence["steps"]):
            expected = world.step(step)
            steps += 1
            if expected["ok"]:
                done[step["do"]] = done.get(step["do"], 0) + 1
            if expected != step["outcome"]:
                differences += 1
                shown = {key: value for key, value in step.items() if key not in ("facts", "outcome")}
                print(f"seed {sequence['seed']}, step {number}: {shown}: model {expected}, Access {step['outcome']}")
                break
        if differences >= 10:
            break
    print(f"{sequences} sequences, {steps} steps, {differences} differences; accepted: {json.dumps(done, sort_keys=True)}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
