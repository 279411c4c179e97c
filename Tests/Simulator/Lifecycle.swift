// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON

/// Random lives of requests, grants and sessions, run on `Access` and written down for Tests/model/model.py to replay:
/// each line holds the facts at the start, every step, and what came of it.
///
/// Times are whole seconds from the start. What a refusal says is not compared, only that it is one.
package struct Lifecycle {
    static let steps = 30
    static let start: Int64 = 1_800_000_000_000

    var random: SeededGenerator
    var now: Int64 = 0
    var facts: LifecycleFacts
    var requests: [AccessRequest] = []
    var grants: [Int: Grant] = [:]
    var activations: [Int: Activation] = [:]
    var sessions: [Session] = []
    var reviews: [Int: Review] = [:]

    private init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        facts = LifecycleFacts(&random)
    }

    /// The line of `seed`.
    package static func line(seed: UInt64) -> String {
        var life = Lifecycle(seed: seed)
        let before = life.facts.json
        let steps = (0..<Self.steps).map { _ in life.step() }
        return JSONValue.object(["seed": .integer(Int64(seed)), "facts": before, "steps": .array(steps)]).text
    }

    static func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: start + seconds * 1000) }
    static func seconds(_ time: Timestamp) -> JSONValue { .integer((time.milliseconds - start) / 1000) }

    private mutating func step() -> JSONValue {
        now += random.between(0, random.chance(92) ? 20 : 400)
        var (act, outcome): (JSONObject, JSONObject)
        if requests.isEmpty || random.chance(6) {
            (act, outcome) = ask()
        } else {
            switch random.between(1, 100) {
            case 1...36: (act, outcome) = vote()
            case 37...38: (act, outcome) = withdraw()
            case 39...40: (act, outcome) = resolve("lapse", .lapse)
            case 41...43: (act, outcome) = resolve("look", .directoryChanged)
            case 44...56: (act, outcome) = activate()
            case 57...60: (act, outcome) = endGrant()
            case 61...62: (act, outcome) = review()
            case 63...69: (act, outcome) = extend()
            case 70...79: (act, outcome) = open()
            case 80...95: (act, outcome) = moveSession()
            default:
                act = facts.change(&random)
                outcome = ["ok": true]
            }
        }
        act["now"] = .integer(now)
        act["outcome"] = .object(outcome)
        return .object(act)
    }

    static let refused: JSONObject = ["ok": false]

    // MARK: Requests

    private mutating func ask() -> (JSONObject, JSONObject) {
        let person = random.pick(facts.people)
        let selector = random.pick(facts.selectors)
        let duration = random.between(0, 700)
        let reason = String(repeating: "x", count: Int(random.chance(90) ? 3 : random.between(0, 2)))
        let wanted: EntitlementName? = random.chance(50) ? random.pick(facts.entitlements) : nil
        let user = random.pick(facts.users)
        let breaksGlass = random.chance(30)
        let capabilities: Set<Capability> = breaksGlass && random.chance(40) ? [.exec] : random.chance(90) ? [.shell] : [.shell, .exec]
        let (spent, hasOverdue) = (Int(random.between(0, 3)), random.chance(10))
        let act: JSONObject = [
            "breakGlass": .bool(breaksGlass), "spent": .integer(Int64(spent)), "overdue": .bool(hasOverdue),
            "do": "ask", "person": .string(person.text), "selector": .string(selector.description), "duration": .integer(duration),
            "reason": .string(reason), "wanted": wanted.map { .string($0.text) } ?? .null, "user": .string(user.text),
            "capabilities": .array(capabilities.sorted().map { .string($0.rawValue) }),
        ]
        guard let asker = facts.directory.people[person], let charter = facts.directory.charter else { return (act, Self.refused) }
        let question = Entitlement.Ask(
            person: asker, selector: selector, capabilities: capabilities, runAs: user, duration: .seconds(duration), reason: reason)
        do {
            let entitlement = try breaksGlass
                ? charter.policy.chooseForBreakGlass(question, wanted: wanted, in: facts.directory)
                : charter.policy.choose(for: question, wanted: wanted, in: facts.directory)
            let number = UInt8(truncatingIfNeeded: requests.count)
            let terms = RequestTerms(
                id: RequestID(digest: [0, 0, number, 0]), person: person, entitlement: entitlement.name,
                charterVersion: charter.version, selector: selector, capabilities: capabilities, runAs: user,
                duration: .seconds(duration), reason: reason, isBreakGlass: breaksGlass, at: Self.time(now))
            var request = AccessRequest(terms: terms, decideBefore: Self.time(now) + entitlement.pendingFor)
            guard breaksGlass else {
                requests.append(request)
                return (act, ["ok": true, "entitlement": .string(entitlement.name.text)])
            }
            let effect = try request.apply(
                .breakGlass(spent: spent, overdue: hasOverdue ? terms.id : nil), in: facts.directory, at: Self.time(now))
            let rules = try EntitlementInForce(for: terms, in: facts.directory)
            let told = rules.toldOfBreakGlass(in: facts.directory)
            requests.append(request)
            let index = requests.count - 1
            reviews[index] = Review(request: terms.id, requester: person, dueBefore: Self.time(now) + rules.reviewWithin)
            guard case .ready(let granted) = effect else { return (act, Self.refused) }
            return (act, [
                "ok": true, "entitlement": .string(entitlement.name.text), "grant": try makeGrant(granted, index),
                "told": .array(told.map { .string($0.text) }),
            ])
        } catch {
            return (act, Self.refused)
        }
    }

    mutating func anyRequest() -> Int { random.chance(60) ? requests.count - 1 : Int(random.between(0, Int64(requests.count) - 1)) }

    private mutating func vote() -> (JSONObject, JSONObject) {
        let index = anyRequest()
        let terms = requests[index].terms
        let person = random.pick(facts.people)
        let nodes = random.chance(70)
            ? facts.directory.nodes(matching: terms.selector).filter { isShown($0, terms) }.map(\.name) : facts.nodes.filter { _ in random.chance(50) }
        let duration = random.chance(70) ? terms.duration.wholeSeconds : random.between(0, 700)
        let approves = random.chance(90)
        let verdict: Vote.Verdict = approves ? .approve(nodes: Set(nodes), duration: .seconds(duration)) : .deny
        let act: JSONObject = [
            "do": "vote", "request": .integer(Int64(index)), "person": .string(person.text), "approves": .bool(approves),
            "nodes": .array(nodes.sorted().map { .string($0.text) }), "duration": .integer(duration),
        ]
        do {
            let vote = Vote(person: person, verdict: verdict, note: "", at: Self.time(now))
            try checkGrantLives(terms)
            var request = requests[index]
            let effect = try request.apply(.vote(vote), in: facts.directory, at: Self.time(now))
            var outcome: JSONObject = ["ok": true, "state": .string(request.state.rawValue)]
            if case .ready(let grant) = effect {
                if terms.extends == nil {
                    outcome["grant"] = try makeGrant(grant, index)
                } else {
                    outcome["notAfter"] = try prolong(grant, by: terms)
                }
            }
            requests[index] = request
            return (act, outcome)
        } catch {
            return (act, Self.refused)
        }
    }

    /// Which nodes a requester would be shown; all where the rule is gone.
    private func isShown(_ node: Node, _ terms: RequestTerms) -> Bool {
        (try? EntitlementInForce(for: terms, in: facts.directory).covers(node)) ?? true  // the vote is refused then
    }

    private mutating func makeGrant(_ terms: GrantTerms, _ index: Int) throws -> JSONValue {
        let rules = try EntitlementInForce(for: requests[index].terms, in: facts.directory)
        grants[index] = Grant(
            id: requests[index].terms.id.sibling(), holder: requests[index].terms.person, granted: terms.duration,
            activateBefore: terms.approvedAt + rules.activateWithin)
        return .object([
            "nodes": .array(terms.nodes.sorted().map { .string($0.text) }), "duration": .integer(terms.duration.wholeSeconds),
            "activateBefore": Self.seconds(terms.approvedAt + rules.activateWithin),
        ])
    }

    private mutating func withdraw() -> (JSONObject, JSONObject) {
        let index = anyRequest()
        let person = random.chance(60) ? requests[index].terms.person : random.pick(facts.people)
        return apply(.withdraw(by: person), to: index, ["do": "withdraw", "person": .string(person.text)])
    }

    private mutating func resolve(_ name: String, _ event: AccessRequest.Event) -> (JSONObject, JSONObject) {
        apply(event, to: anyRequest(), ["do": .string(name)])
    }

    private mutating func apply(_ event: AccessRequest.Event, to index: Int, _ given: JSONObject) -> (JSONObject, JSONObject) {
        var act = given
        act["request"] = .integer(Int64(index))
        do {
            _ = try requests[index].apply(event, in: facts.directory, at: Self.time(now))
            return (act, ["ok": true, "state": .string(requests[index].state.rawValue)])
        } catch {
            return (act, Self.refused)
        }
    }

    /// A judgement, or the time for one is over.
    private mutating func review() -> (JSONObject, JSONObject) {
        let index = anyRequest()
        let person = random.pick(facts.people)
        let (isJudged, isGood) = (random.chance(70), random.chance(50))
        let act: JSONObject = [
            "do": "review", "request": .integer(Int64(index)), "person": .string(person.text), "judges": .bool(isJudged),
            "accepts": .bool(isGood),
        ]
        guard var review = reviews[index] else { return (act, Self.refused) }
        do {
            let event: Review.Event = isJudged ? .judge(isGood ? .accepted : .concern, by: person) : .fallDue
            try review.apply(event, of: requests[index].terms, in: facts.directory, at: Self.time(now))
            reviews[index] = review
            return (act, ["ok": true, "state": .string(review.state.rawValue)])
        } catch {
            return (act, Self.refused)
        }
    }

    // MARK: Grants

    private mutating func activate() -> (JSONObject, JSONObject) {
        let index = anyRequest()
        let person = random.chance(85) ? requests[index].terms.person : random.pick(facts.people)
        let at = now + random.between(-30, 30)
        let act: JSONObject = [
            "do": "activate", "request": .integer(Int64(index)), "person": .string(person.text), "at": .integer(at),
        ]
        guard var grant = grants[index] else { return (act, Self.refused) }
        do {
            let rules = try EntitlementInForce(for: requests[index].terms, in: facts.directory)
            try grant.apply(.activate(by: person, at: Self.time(at), maximum: rules.maximumDuration), at: Self.time(now))
            grants[index] = grant
            activations[index] = Activation(person: person, at: Self.time(at))
            return (act, ["ok": true, "state": .string(grant.state.rawValue), "notAfter": Self.seconds(grant.notAfter ?? Self.time(0))])
        } catch {
            return (act, Self.refused)
        }
    }

    private mutating func endGrant() -> (JSONObject, JSONObject) {
        let index = anyRequest()
        let (name, event): (String, Grant.Event) = random.pick([
            ("revoke", .end(.revoked)), ("expire", .expire), ("lapse", .lapse), ("settle", .settle), ("expire", .expire),
        ])
        let act: JSONObject = ["do": "grant", "request": .integer(Int64(index)), "event": .string(name)]
        guard var grant = grants[index] else { return (act, Self.refused) }
        do {
            try grant.apply(event, at: Self.time(now))
            grants[index] = grant
            return (act, ["ok": true, "state": .string(grant.state.rawValue), "reason": .string(grant.endReason?.rawValue ?? "")])
        } catch {
            return (act, Self.refused)
        }
    }

    // MARK: Sessions

    private mutating func open() -> (JSONObject, JSONObject) {
        let index = oftenGrant { $0.lease > 1 } ?? anyRequest()
        let terms = requests[index].terms
        let person = random.chance(90) ? terms.person : random.pick(facts.people)
        let owner = random.chance(90) ? person : random.pick(facts.people)
        let node = random.pick(facts.nodes)
        let user = random.chance(90) ? terms.runAs : random.pick(facts.users)
        let capability: Capability = random.chance(90) ? .shell : .exec
        let at = now + (random.chance(90) ? random.between(-60, 60) : random.between(-70, 70))
        let act: JSONObject = [
            "do": "open", "request": .integer(Int64(index)), "person": .string(person.text), "deviceOf": .string(owner.text),
            "node": .string(node.text), "user": .string(user.text), "capability": .string(capability.rawValue), "at": .integer(at),
        ]
        guard let activation = activations[index], let device = facts.directory.people[owner]?.devices.first?.key else {
            return (act, Self.refused)
        }
        let opening = Opening(person: person, device: device, node: node, capability: capability, runAs: user, at: Self.time(at))
        do {
            let lease = try opening.lease(
                under: terms, votes: requests[index].votes, activation: activation, extensions: agreedExtensions(of: terms.id),
                in: facts.directory, at: Self.time(now))
            let number = UInt8(truncatingIfNeeded: sessions.count)
            sessions.append(Session(id: SessionID(digest: [1, 0, number, 0]), grant: lease.grant))
            return (act, [
                "ok": true, "notAfter": Self.seconds(lease.notAfter), "version": .integer(lease.version), "lease": .integer(lease.renewWithin.wholeSeconds),
                "idle": .integer(lease.idleLimit.wholeSeconds), "maximum": .integer(lease.sessionMaximum.wholeSeconds),
                "withoutBroker": .string(lease.withoutBroker.rawValue),
            ])
        } catch {
            return (act, Self.refused)
        }
    }

    private mutating func moveSession() -> (JSONObject, JSONObject) {
        let (name, event): (String, Session.Event) = random.pick([
            ("accept", .accept), ("detach", .detach), ("attach", .attach), ("end", .end(.revoked)), ("receipt", .receipt(.exited)),
            ("giveUp", .giveUp),
        ])
        let index = Int(random.between(0, Int64(max(1, sessions.count)) - 1))
        let act: JSONObject = ["do": "session", "session": .integer(Int64(index)), "event": .string(name)]
        guard sessions.indices.contains(index) else { return (act, Self.refused) }
        do {
            try sessions[index].apply(event)
            return (act, [
                "ok": true, "state": .string(sessions[index].state.rawValue),
                "reason": .string(sessions[index].endReason?.rawValue ?? ""),
            ])
        } catch {
            return (act, Self.refused)
        }
    }
}
