// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

/// Who may use the machine at the same time: tests that load it and tests that measure time keep apart.
enum Turn: Sendable {
    /// Waits for a clock most of the time, and measures in seconds. Beside everything.
    case patient
    /// Measures tenths of a second. Two at a time.
    case timed
    /// Keeps all processors busy. Alone, but for the patient.
    case heavy
}

/// Gives turns, first come, first served.
actor Turns {
    static let shared = Turns()
    private static let capacity = 2

    private var free = capacity
    private var waiting: [(weight: Int, start: CheckedContinuation<Void, Never>)] = []

    nonisolated func take<Result>(_ turn: Turn, _ body: () async throws -> Result) async rethrows -> Result {
        let weight =
            switch turn {
            case .patient: 0
            case .timed: 1
            case .heavy: Self.capacity
            }
        await acquire(weight)
        do {
            let result = try await body()
            await release(weight)
            return result
        } catch {
            await release(weight)
            throw error
        }
    }

    private func acquire(_ weight: Int) async {
        guard weight > 0 else { return }
        if waiting.isEmpty, free >= weight {
            free -= weight
        } else {
            await withCheckedContinuation { waiting.append((weight, $0)) }
        }
    }

    private func release(_ weight: Int) {
        free += weight
        while let next = waiting.first, free >= next.weight {
            waiting.removeFirst()
            free -= next.weight
            next.start.resume()
        }
    }
}
