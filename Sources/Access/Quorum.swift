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
        for person in voters where person.isEnabled && person.name != requester {
            if !candidates.contains(where: { $0.name == person.name }) { candidates.append(person) }
        }
        let slots = seats.flatMap { seat in Array(repeating: seat, count: max(0, seat.count)) }
        var matching = Matching(slots: slots, candidates: candidates)
        matching.fill()
        places = zip(slots, matching.holderOfSlot).map { seat, holder in
            Place(seat: seat, holder: holder.map { candidates[$0].name })
        }
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
