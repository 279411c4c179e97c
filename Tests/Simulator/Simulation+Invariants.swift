// SPDX-License-Identifier: Apache-2.0

import Access
import Agent

/// What must hold in every schedule, reckoned apart from the code that is to keep it.
extension Simulation {
    /// Most that may pass between a deadline or a revocation and the end.
    static let tolerance: Int64 = 1000

    // MARK: Two humans

    /// Distinct, enabled people other than the requester fill the seats: tried person by person.
    func checkSeats(of request: AccessRequest, _ what: String, in directory: Directory? = nil) {
        let directory = directory ?? broker.directory
        let version = request.terms.charterVersion
        for charter in Set([version, Int64(directory.charters.count)]) {
            guard directory.charters.indices.contains(Int(charter) - 1),
                let rule = directory.charters[Int(charter) - 1].policy.entitlement(request.terms.entitlement)
            else { return violate("two humans", "\(what) without a rule") }
            let voters = Set(request.votes.filter(\.approves).map(\.person)).filter {
                $0 != request.terms.person && directory.people[$0]?.isEnabled == true
            }
            let slots = rule.seats.flatMap { seat in (0..<seat.count).map { _ in seat } }
            let people = voters.compactMap { directory.people[$0] }
            if !Self.canFill(slots[...], with: people) { violate("two humans", "\(what): \(voters.sorted()) do not fill \(rule.seats)") }
        }
    }

    private static func canFill(_ slots: ArraySlice<Seat>, with people: [Person]) -> Bool {
        guard let seat = slots.first else { return true }
        return people.indices.contains { index in
            guard seat.includes(people[index]) else { return false }
            var others = people
            others.remove(at: index)
            return canFill(slots.dropFirst(), with: others)
        }
    }

    // MARK: It ends

    /// Until when a grant's sessions may live on a node, by its boot-time clock: counted from the first sight in this
    /// boot, never moved by a later one, and never past the earliest end that was ever signed.
    func grantMayLive(_ request: RequestID, _ lease: Lease, on node: Int) -> Int64 {
        let earlier = mayLive[node][request]
        let notAfter = min(lease.notAfter, earlier?.notAfter ?? lease.notAfter)
        let granted = (lease.notAfter - lease.notBefore).wholeMilliseconds
        var until = nodes[node].boot(now) + max(0, min((notAfter - nodes[node].wall(now)).wholeMilliseconds, granted))
        if let earlier, earlier.boot == nodes[node].boots { until = min(until, earlier.until) }
        mayLive[node][request] = (nodes[node].boots, until, notAfter)
        return until
    }

    func judgeEnd(of id: SessionID, _ supervisor: SimulatedSupervisor, on node: Int, _ reason: Session.EndReason) {
        let boot = nodes[node].boot(now)
        let idleEnd = supervisor.idleFrom + supervisor.terms.idleLimit.wholeMilliseconds
        var deadline = min(supervisor.mayLiveUntil, idleEnd)
        // Asleep at its deadline it could not end; it does when it wakes.
        if nodes[node].sleptFrom <= deadline + Self.tolerance { deadline = max(deadline, nodes[node].wokeAt) }
        let lateness = boot - deadline
        statistics.worstLateness = max(statistics.worstLateness, lateness)
        if lateness > Self.tolerance { violate("it ends", "session \(id) ended \(lateness) ms late (\(reason.rawValue))") }
        if let since = supervisor.shouldEndSince, supervisor.wasReachable, nodes[node].disturbedAt < since {
            statistics.worstRevocation = max(statistics.worstRevocation, now - since)
        }
        let isCalm = nodes[node].disturbedAt == 0
        if isCalm, reason == .leaseLost, broker.isUp, supervisor.link.isUp {
            violate("a healthy session lives", "session \(id) lost its lease")
        }
    }

    // MARK: Revocation

    /// The broker has decided that a session ends.
    func expectEnd(_ id: SessionID, _ node: Int) {
        guard let supervisor = nodes[node].supervisors[id], supervisor.shouldEndSince == nil else { return }
        let wasReachable = isReachable(id, on: node)
        nodes[node].supervisors[id]?.shouldEndSince = now
        nodes[node].supervisors[id]?.wasReachable = wasReachable
        statistics.revocations += 1
        queue.add(.checkEnded(id, since: now, reachable: true), at: now + Self.tolerance)
        guard supervisor.terms.withoutBroker == .lease else { return }
        let lease = supervisor.terms.renewWithin.wholeMilliseconds
        queue.add(.checkEnded(id, since: now, reachable: false), at: now + lease + Self.tolerance)
    }

    /// Reachable when it was decided and undisturbed since, a second is enough; otherwise the lease is.
    func checkEnded(_ id: SessionID, _ since: Int64, _ reachable: Bool) {
        guard let node = broker.sessions[id]?.node, nodes[node].supervisors[id] != nil else { return }
        if reachable {
            let wasReachable = nodes[node].supervisors[id]?.wasReachable == true
            if wasReachable, nodes[node].disturbedAt < since { violate("a revocation arrives", "session \(id) lives 1 s after it was ended") }
            return
        }
        if nodes[node].wokeAtTruth > since {
            // A lease cannot end while its machine sleeps, and stands still with its clock: it counts on from then.
            let again = nodes[node].wokeAtTruth
            let lease = nodes[node].supervisors[id]?.terms.renewWithin.wholeMilliseconds ?? 0
            return queue.add(.checkEnded(id, since: again, reachable: false), at: again + lease + Self.tolerance)
        }
        violate("a revocation outlasts no lease", "session \(id) lives though its lease is past")
    }

    /// A message from the broker arrives there now.
    func isReachable(_ id: SessionID, on node: Int) -> Bool {
        let viaAgent = nodes[node].isConnected && !nodes[node].isCutOff
        let direct = nodes[node].supervisors[id]?.link.isUp == true
        return broker.isUp && now >= nodes[node].sleepsUntil && (viaAgent || direct)
    }
}
