// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Work that each element of a list needs for itself, on all processors.
package enum Parallel {
    /// Below it a thread costs more than it brings, in elements.
    private static let worthwhile = 64
    private static let mostThreads = 16

    /// What `transform` makes of each element, in their order.
    ///
    /// - Throws: what it threw for the first element for which it did.
    package static func map<Element: Sendable, Value: Sendable>(
        _ elements: [Element], _ transform: @escaping @Sendable (Element) throws -> Value
    ) throws -> [Value] {
        let processors = min(mostThreads, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        guard processors > 1, elements.count >= worthwhile else { return try elements.map(transform) }
        let share = (elements.count + processors - 1) / processors
        // The first share is this thread's own.
        let calls = try stride(from: share, to: elements.count, by: share).map { start in
            try BackgroundCall("parallel") { try elements[start..<min(start + share, elements.count)].map(transform) }
        }
        let own = Result { try elements[..<share].map(transform) }
        let others = try calls.map { try $0.wait() }
        return try ([own] + others).flatMap { try $0.get() }
    }
}
