// SPDX-License-Identifier: Apache-2.0

/// SplitMix64: one seed, one schedule.
package struct SeededGenerator: Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func between(_ low: Int64, _ high: Int64) -> Int64 {
        low + Int64(next() % UInt64(high - low + 1))
    }

    package mutating func chance(_ percent: Int64) -> Bool { between(1, 100) <= percent }

    package mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int(between(0, Int64(choices.count) - 1))]
    }
}
