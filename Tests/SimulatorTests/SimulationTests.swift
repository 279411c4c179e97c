// SPDX-License-Identifier: Apache-2.0

import Foundation
import Simulator
import Testing

@Suite struct SimulationTests {
    /// Schedules in one run of the tests; `deploy/prove simulate` runs 100,000 in a release build.
    private static let schedules = 2000

    @Test func `no schedule of crashes, partitions, sleeps and stepped clocks breaks a promise`() {
        let first = ProcessInfo.processInfo.environment["STINT_SEED"].flatMap { UInt64($0) }
        var statistics = Simulation.Statistics()
        for seed in first.map({ $0...$0 }) ?? 0...UInt64(Self.schedules - 1) {
            let result = Simulation.run(seed: seed)
            statistics.add(result.statistics)
            for violation in result.violations { Issue.record("seed \(seed): \(violation)") }
        }
        if first == nil {
            // A simulator in which nothing happens would find nothing.
            #expect(statistics.sessions > Self.schedules / 2)
            #expect(statistics.revocations > Self.schedules / 10)
        }
        print("\(statistics)")
    }

    @Test(arguments: Simulation.Fault.allCases)
    func `a guard that is left out is missed`(fault: Simulation.Fault) {
        for seed in UInt64(0)..<2000 where !Simulation.run(seed: seed, fault: fault).violations.isEmpty { return }
        Issue.record("2000 schedules do not notice \(fault)")
    }

    /// Seeds that once failed, each with what it showed.
    @Test(arguments: [UInt64(0)])
    func `a schedule that once failed passes`(seed: UInt64) {
        #expect(Simulation.run(seed: seed).violations.isEmpty)
    }
}
