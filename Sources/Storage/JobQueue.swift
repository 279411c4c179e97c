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
    func add(_ job: Job) { add([job]) }

    /// Adds all of the jobs one behind the other, or none.
    private func add(_ jobs: [Job]) {
        let refusal: StorageError? = state.update(waking: .one) { state in
            guard !state.isClosed else { return .stopped }
            guard state.waiting.count + jobs.count <= Self.limit else { return .overloaded(waiting: state.waiting.count) }
            state.waiting += jobs
            return nil
        }
        if let refusal { for job in jobs { job.fail(refusal) } }
    }

    /// Adds a job and waits for its outcome.
    func perform<Value: Sendable>(_ work: @escaping @Sendable (Connection) throws -> Value) throws -> Value {
        let outcome = Monitor<Result<Value, any Error>?>(nil)
        add(Job(work) { result in outcome.update(waking: .all) { $0 = result } })
        return try outcome.wait { $0 }.get()
    }

    /// Adds so many jobs that do the same, one behind the other, and waits for their outcomes.
    func perform<Value: Sendable>(
        _ count: Int, _ work: @escaping @Sendable (Connection) throws -> Value
    ) -> [Result<Value, any Error>] {
        let outcomes = Monitor<[Result<Value, any Error>]>([])
        add((0..<count).map { _ in Job(work) { result in outcomes.update(waking: .all) { $0.append(result) } } })
        return outcomes.wait { $0.count == count ? $0 : nil }
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
