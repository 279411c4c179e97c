// SPDX-License-Identifier: Apache-2.0
// SECURITY: by this a hunt looks at few processes instead of all (P3). It must never leave out one that was started after the
// moment and carries a session's mark.

/// Which number a process got last, at one moment: whoever was started since then has a higher one, for as long as numbers
/// cannot have come round to the bottom again.
package struct ProcessMoment: Sendable {
    let newest: UInt64
    private let at: BootInstant
    private let largest: UInt64

    /// More processes and threads than any machine starts in a second: the kernel gives numbers out one by one, under a lock.
    private static let startsEachSecond: Double = 1_000_000

    /// `nil` where the kernel does not say.
    package static func now() -> ProcessMoment? {
        // Without it a hunt looks at all processes.
        guard let newest = try? ProcessList.newestNumber(), let largest = try? ProcessList.largestNumber() else { return nil }
        return ProcessMoment(newest: newest, at: .now, largest: largest)
    }

    init(newest: UInt64, at: BootInstant, largest: UInt64) {
        (self.newest, self.at, self.largest) = (newest, at, largest)
    }

    /// The numbers that were given out between the moment and `last`; `nil` where it could be others.
    func numbers(to last: UInt64, at now: BootInstant) -> ClosedRange<UInt64>? {
        guard last > newest, last - newest <= Self.most else { return nil }
        let turn = Duration.seconds(Double(largest) / Self.startsEachSecond)
        return now - at < turn ? newest + 1...last : nil
    }

    /// To look at more than so many numbers is no shorter than to look at all processes.
    private static let most: UInt64 = 256
}
