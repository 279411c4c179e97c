// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@Suite struct QuorumTests {
    private let nobody = try? PersonName("nobody")

    private func quorum(_ seats: [Seat], _ voters: [Person], requester: String = "nobody") throws -> Quorum {
        Quorum(seats: seats, voters: voters, requester: try PersonName(requester))
    }

    @Test func `one person in the groups of two seats fills one`() throws {
        let seats = [try Organisation.seat(1, "group:ops"), try Organisation.seat(1, "group:security")]
        let dora = try Organisation.person("dora", ["ops", "security"])
        let alone = try quorum(seats, [dora])
        #expect(!alone.isComplete && alone.missing.count == 1)
        #expect(!(try quorum(seats, [dora, dora, dora]).isComplete))
        let carl = try Organisation.person("carl", ["security"])
        #expect(try quorum(seats, [dora, carl]).isComplete)
        #expect(try quorum(seats, [carl, dora]).isComplete)
    }

    @Test func `a person under two sets of groups is still one`() throws {
        let seats = [try Organisation.seat(2, "group:ops")]
        let twice = [try Organisation.person("bob", ["ops"], key: 1), try Organisation.person("bob", ["ops", "dba"], key: 2)]
        #expect(!(try quorum(seats, twice).isComplete))
    }

    @Test func `the requester fills no seat`() throws {
        let seats = [try Organisation.seat(1, "group:ops", "person:anna")]
        let anna = try Organisation.person("anna", ["ops"])
        #expect(try quorum(seats, [anna]).isComplete)
        #expect(!(try quorum(seats, [anna], requester: "anna").isComplete))
    }

    @Test func `a disabled person fills no seat`() throws {
        var bob = try Organisation.person("bob", ["ops"])
        bob.isEnabled = false
        #expect(!(try quorum([try Organisation.seat(1, "group:ops")], [bob]).isComplete))
    }

    @Test func `somebody outside the groups fills no seat`() throws {
        let eve = try Organisation.person("eve", ["dba"])
        let missing = try quorum([try Organisation.seat(1, "group:ops")], [eve]).missing
        #expect(missing == [try Organisation.seat(1, "group:ops")])
    }

    @Test func `each missing approval of a seat is listed`() throws {
        let seat = try Organisation.seat(3, "group:ops")
        let places = try quorum([seat], [try Organisation.person("bob", ["ops"])]).places
        #expect(places.count == 3 && places.filter { $0.holder == nil }.count == 2)
    }

    @Test func `no seats are complete and so a policy may not have none`() throws {
        #expect(try quorum([], []).isComplete)
        #expect(try quorum([Seat(count: -1, of: [])], []).isComplete)
    }

    /// The most seats that distinct persons can fill, by trying every assignment.
    private func most(_ slots: ArraySlice<Seat>, _ people: [Person]) -> Int {
        guard let slot = slots.first else { return 0 }
        var best = most(slots.dropFirst(), people)
        for (index, person) in people.enumerated() where slot.includes(person) {
            var others = people
            others.remove(at: index)
            best = max(best, 1 + most(slots.dropFirst(), others))
        }
        return best
    }

    @Test func `as many seats are filled as the best of all assignments fills`() throws {
        var random = SeededGenerator(seed: 6)
        let groups = try ["a", "b", "c", "d"].map { try GroupName($0) }
        for _ in 0..<3000 {
            let people = try (0..<Int.random(in: 0...5, using: &random)).map { index in
                try Organisation.person("p\(index)", groups.filter { _ in Bool.random(using: &random) }.map(\.text))
            }
            let seats = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                Seat(
                    count: Int.random(in: 1...2, using: &random),
                    of: groups.filter { _ in Bool.random(using: &random) }.map(Principal.group) + [.person(people.first?.name ?? groupless)])
            }
            let requester = people.randomElement(using: &random)?.name ?? groupless
            let voters = (people + people).shuffled(using: &random)
            let quorum = Quorum(seats: seats, voters: voters, requester: requester)
            let slots = seats.flatMap { Array(repeating: $0, count: $0.count) }
            let expected = most(slots[...], people.filter { $0.name != requester })
            let holders = quorum.places.compactMap(\.holder)
            #expect(Quorum.isPossible(seats: seats, among: people, requester: requester) == (expected == slots.count))
            #expect(holders.count == expected && Set(holders).count == holders.count && !holders.contains(requester))
            for place in quorum.places {
                guard let holder = place.holder, let person = people.first(where: { $0.name == holder }) else { continue }
                #expect(place.seat.includes(person))
            }
        }
    }

    private var groupless: PersonName {
        guard let nobody else { preconditionFailure("`nobody` is a name") }
        return nobody
    }
}
