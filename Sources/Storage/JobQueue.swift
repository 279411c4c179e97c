// SPDX-License-Identifier: Apache-2.0

/// Jobs in the order in which they came, for one or more threads to take.
final class JobQueue: Sendable {
    private struct State: Sendable {
        var waiting: [Job] = []
        var isClosed = false
    }

    /// About what one busy second of a broker produces. Beyond it the disk is stuck, and waiting longer helps nobody.
    static let limit = 10_000

    private let state = Monitor(State())

    /// Adds a job, or tells its caller at once, on this thread, that it is refused.
    func add(_ job: Job) {
        let refusal: StorageError? = state.update(waking: .one) { state in
            guard !state.isClosed else { return .stopped }
            guard state.waiting.count < Self.limit else { return .overloaded(waiting: state.waiting.count) }
            state.waiting.append(job)
            return nil
        }
        if let refusal { job.fail(refusal) }
    }

    /// Adds a job and waits for its outcome.
    func perform<Value: Sendable>(_ work: @escaping @Sendable (Connection) throws -> Value) throws -> Value {
        let outcome = Monitor<Result<Value, any Error>?>(nil)
        add(Job(work) { result in outcome.update(waking: .all) { $0 = result } })
        return try outcome.wait { $0 }.get()
    }

    /// Waits for work. At most `maximum` jobs, oldest first; none at all means closed and empty.
    func take(_ maximum: Int) -> [Job] {
        state.wait { state in
            guard !state.waiting.isEmpty else { return state.isClosed ? [] : nil }
            guard state.waiting.count > maximum else {
                defer { state.waiting = [] }
                return state.waiting
            }
            defer { state.waiting.removeFirst(maximum) }
            return Array(state.waiting.prefix(maximum))
        }
    }

    /// No job is taken in any more; those that wait are still done.
    func close() {
        state.update(waking: .all) { $0.isClosed = true }
    }
}
