// SPDX-License-Identifier: Apache-2.0
// SECURITY: seats are filled by distinct persons other than the requester, by bipartite matching and never by counting
// (P1). One person in the groups of two seats fills one of them.

/// Which persons fill the seats of an entitlement.
package struct Quorum: Sendable, Equatable {
    /// One person's place: `holder` is `nil` while nobody fills it.
    package struct Place: Sendable, Equatable {
        package let seat: Seat
        package let holder: PersonName?
    }

    package let places: [Place]

    package var isComplete: Bool { places.allSatisfy { $0.holder != nil } }

    package var missing: [Seat] { places.filter { $0.holder == nil }.map(\.seat) }

    /// Matches `voters` to the seats so that as many seats as can be are filled.
    ///
    /// - Parameters:
    ///   - requester: never fills a seat, whatever groups that person is in.
    ///   - voters: who approved; a person who stands in it twice counts once, a disabled person not at all.
    package init(seats: [Seat], voters: [Person], requester: PersonName) {
        var candidates: [Person] = []
        var seen: Set<PersonName> = []
        for person in voters where person.isEnabled && person.name != requester {
            if seen.insert(person.name).inserted { candidates.append(person) }
        }
        let slots = seats.flatMap { seat in Array(repeating: seat, count: max(0, seat.count)) }
        var matching = Matching(slots: slots, candidates: candidates)
        matching.fill()
        places = zip(slots, matching.holderOfSlot).map { seat, holder in
            Place(seat: seat, holder: holder.map { candidates[$0].name })
        }
    }

    /// Whether some of `people` could fill all seats.
    ///
    /// A seat with as many holders as there are places in all never lacks one, whoever sits elsewhere; so of many people few
    /// are looked at.
    package static func isPossible(seats: [Seat], among people: some Sequence<Person>, requester: PersonName) -> Bool {
        let places = seats.reduce(0) { $0 + max(0, $1.count) }
        var wanted = Array(repeating: places, count: seats.count)
        var some: [Person] = []
        for person in people where person.isEnabled && person.name != requester {
            let held = seats.indices.filter { wanted[$0] > 0 && seats[$0].includes(person) }
            guard !held.isEmpty else { continue }
            some.append(person)
            for index in held { wanted[index] -= 1 }
            if wanted.allSatisfy({ $0 == 0 }) { break }
        }
        return Quorum(seats: seats, voters: some, requester: requester).isComplete
    }

    /// Augmenting paths (Kuhn's algorithm): each candidate displaces earlier ones only where those find another seat.
    private struct Matching {
        let slots: [Seat]
        let candidates: [Person]
        var holderOfSlot: [Int?]

        init(slots: [Seat], candidates: [Person]) {
            self.slots = slots
            self.candidates = candidates
            holderOfSlot = Array(repeating: nil, count: slots.count)
        }

        mutating func fill() {
            for candidate in candidates.indices {
                var visited = Array(repeating: false, count: slots.count)
                _ = place(candidate, &visited)
            }
        }

        private mutating func place(_ candidate: Int, _ visited: inout [Bool]) -> Bool {
            for slot in slots.indices where !visited[slot] && slots[slot].includes(candidates[candidate]) {
                visited[slot] = true
                if let earlier = holderOfSlot[slot], !place(earlier, &visited) { continue }
                holderOfSlot[slot] = candidate
                return true
            }
            return false
        }
    }
}
