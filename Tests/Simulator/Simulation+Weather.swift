// SPDX-License-Identifier: Apache-2.0

import Access

extension Simulation {
    /// What goes wrong around the programs.
    enum Weather {
        case partition(Int)
        case heals(Int)
        case linkBreaks(Int)
        case brokerCrash
        case brokerStart
        case agentCrash(Int)
        case agentStart(Int)
        case reboot(Int)
        case sleeps(Int, until: Int64, standsStill: Bool)
        case stepBroker(Int64)
        case stepNode(Int, Int64)
        case stepOperator(Int64)
    }

    private static let tenYears: Int64 = 3_653 * 86_400_000

    func planWeather() {
        guard random.chance(85) else { return }  // some days are calm
        for _ in 0..<random.between(1, 8) {
            let time = random.between(0, 900_000)
            let node = Int(random.between(0, 1))
            switch random.between(1, 12) {
            case 1, 2, 3:
                queue.add(.weather(.partition(node)), at: time)
                queue.add(.weather(.heals(node)), at: time + random.between(200, random.chance(50) ? 5000 : 900_000))
            case 4: queue.add(.weather(.linkBreaks(node)), at: time)
            case 5: queue.add(.weather(.brokerCrash), at: time)
            case 6: queue.add(.weather(.agentCrash(node)), at: time)
            case 7: queue.add(.weather(.reboot(node)), at: time)
            case 8, 9:
                let length = random.between(500, random.chance(50) ? 20_000 : 600_000)
                queue.add(.weather(.sleeps(node, until: time + length, standsStill: random.chance(50))), at: time)
            case 10: queue.add(.weather(.stepBroker(step())), at: time)
            case 11: queue.add(.weather(.stepNode(node, step())), at: time)
            default: queue.add(.weather(.stepOperator(step())), at: time)
            }
        }
    }

    /// Small steps, which what is signed still fits, and large ones up to ten years, either way.
    private func step() -> Int64 {
        random.chance(60) ? random.between(-50_000, 50_000) : random.between(-Self.tenYears, Self.tenYears)
    }

    func blow(_ weather: Weather) {
        switch weather {
        case .partition(let node):
            nodes[node].isCutOff = true
            breakLinks(of: node)
        case .heals(let node): nodes[node].isCutOff = false
        case .linkBreaks(let node): breakLinks(of: node)
        case .brokerCrash: crashBroker()
        case .brokerStart: startBroker()
        case .agentCrash(let node): crashAgent(node)
        case .agentStart(let node):
            nodes[node].isAgentUp = true
            dial(node)
        case .reboot(let node): reboot(node)
        case .sleeps(let node, let until, let standsStill): sleep(node, until, standsStill)
        case .stepBroker(let step): broker.wall.offset += step
        case .stepNode(let node, let step): nodes[node].wallOffset += step
        case .stepOperator(let step): operatorOffset += step
        }
    }

    /// What is under way is lost. The node's side notices after up to its patience with a silent connection.
    private func breakLinks(of node: Int) {
        nodes[node].disturbedAt = now
        nodes[node].control.drop()
        queue.add(.agentDials(node), at: now + random.between(100, 45_000))
        for id in nodes[node].supervisors.keys.sorted() { breakLink(of: id, on: node) }
    }

    private func breakLink(of id: SessionID, on node: Int) {
        nodes[node].supervisors[id]?.link.drop()
        if dialsAgain { queue.add(.supervisorDials(id), at: now + random.between(100, 45_000)) }
        guard var machine = broker.sessions[id]?.machine, machine.state == .live else { return }
        do {
            try machine.apply(.detach)
            store(machine)
        } catch {
            violate("a live session can be detached", "\(id): \(error.code)")
        }
    }

    func crashBroker() {
        guard broker.isUp else { return }
        for node in nodes.indices { breakLinks(of: node) }
        if fault == .commitsLost {
            // A copy from a while ago comes back.
            if !broker.earlier.isEmpty { restoreEarlier() }
            broker.earlier = broker.records
        }
        broker.isUp = false
        queue.add(.weather(.brokerStart), at: now + random.between(100, 30_000))
    }

    private func restoreEarlier() {
        for (index, old) in broker.earlier.enumerated() {
            let current = broker.records[index]
            if current.request.state.isTerminal, old.request.state != current.request.state { store(old.request, at: index) }
            if let grant = old.grant, let now = current.grant, now.state.isTerminal, grant.state != now.state { store(grant, at: index) }
        }
    }

    private func startBroker() {
        broker.wall.tick(now)
        broker.restart()
    }

    private func crashAgent(_ node: Int) {
        nodes[node].isAgentUp = false
        nodes[node].disturbedAt = now
        nodes[node].control.drop()
        queue.add(.weather(.agentStart(node)), at: now + random.between(100, 120_000))
    }

    /// Everything that ran is gone; the disk and nothing else is left.
    private func reboot(_ node: Int) {
        nodes[node].disturbedAt = now
        nodes[node].control.drop()
        for id in nodes[node].supervisors.keys.sorted() {
            nodes[node].receipts[id] = .failed
            statistics.ends[.failed, default: 0] += 1
        }
        nodes[node].supervisors = [:]
        nodes[node].boots += 1
        nodes[node].bootOffset = random.between(1000, 100_000) - now
        nodes[node].isAgentUp = false
        (nodes[node].sleepsUntil, nodes[node].sleptFrom, nodes[node].wokeAt) = (0, 0, 0)
        queue.add(.weather(.agentStart(node)), at: now + random.between(5000, 120_000))
    }

    private func sleep(_ node: Int, _ until: Int64, _ standsStill: Bool) {
        guard now >= nodes[node].sleepsUntil else { return }
        let sleptFrom = nodes[node].boot(now)
        nodes[node].sleepsUntil = until
        nodes[node].disturbedAt = until
        nodes[node].sleptFrom = sleptFrom
        // A machine that stands still has clocks that do: its supervisors get to see less time than there was.
        if standsStill {
            nodes[node].bootOffset -= until - now
            if random.chance(50) { nodes[node].wallOffset -= until - now }
        }
        nodes[node].wokeAt = nodes[node].boot(until)
        nodes[node].wokeAtTruth = until
    }
}
