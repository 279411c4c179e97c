// SPDX-License-Identifier: Apache-2.0

/// Something that must not be.
package struct Finding: Sendable, Equatable, CustomStringConvertible {
    /// The row or file, as `ledger 17` or `vote r-7k2p9x bob`.
    package let place: String
    package let what: String

    package var description: String { "\(place): \(what)" }
}

/// What was found, up to a limit: after a thousand findings the next says nothing new.
struct Findings {
    private(set) var all: [Finding] = []
    private static let limit = 1000

    mutating func add(_ place: String, _ what: String) {
        if all.count < Self.limit { all.append(Finding(place: place, what: what)) }
    }

    mutating func expect(_ holds: Bool, _ place: String, _ what: @autoclosure () -> String) {
        if !holds { add(place, what()) }
    }
}
