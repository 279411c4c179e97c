// SPDX-License-Identifier: Apache-2.0

import Glibc
import Simulator

/// `stint-simulate schedules|lives|cost [COUNT [SEED]]`, for `deploy/prove`.
let verb = CommandLine.arguments.dropFirst().first ?? ""
let numbers = CommandLine.arguments.dropFirst(2).compactMap { UInt64($0) }
let count = numbers.first ?? 100_000
let first = numbers.dropFirst().first ?? UInt64.random(in: 0...UInt64(UInt32.max))

switch verb {
case "schedules": exit(schedules() ? 0 : 1)
case "lives": for seed in first..<first + count { print(Lifecycle.line(seed: seed)) }
case "cost": exit(DecisionCost.measure() ? 0 : 1)
default:
    print("stint-simulate schedules|lives|cost [COUNT [SEED]]")
    exit(64)
}

func schedules() -> Bool {
    print("\(count) schedules from seed \(first)")
    let start = ContinuousClock.now
    var statistics = Simulation.Statistics()
    var failed = 0
    for seed in first..<first + count {
        let result = Simulation.run(seed: seed)
        statistics.add(result.statistics)
        guard !result.violations.isEmpty else { continue }
        failed += 1
        for violation in result.violations { print("seed \(seed): \(violation)") }
        if failed > 10 { break }
    }
    print("\(statistics)")
    print("\(failed) failed, \(start.duration(to: .now))")
    return failed == 0
}
