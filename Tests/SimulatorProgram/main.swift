// SPDX-License-Identifier: Apache-2.0

import Glibc
import Simulator

// stint-simulate COUNT [FIRST-SEED]: runs schedules until one fails. For `deploy/torture simulate`.
let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
let count = arguments.first ?? 100_000
let first = arguments.dropFirst().first ?? UInt64.random(in: 0...UInt64.max / 2)
print("\(count) schedules from seed \(first)")
let start = ContinuousClock.now
var statistics = Simulation.Statistics()
var failed = 0
for seed in first..<first + count {
    let result = Simulation.run(seed: seed)
    statistics.add(result.statistics)
    if !result.violations.isEmpty {
        failed += 1
        for violation in result.violations { print("seed \(seed): \(violation)") }
        if failed > 10 { break }
    }
}
print("\(statistics)")
print("\(failed) failed, \(start.duration(to: .now))")
exit(failed == 0 ? 0 : 1)
