// SPDX-License-Identifier: Apache-2.0

/// Work on a connection, and how its caller hears of the outcome. Exactly one of the two is told, once.
struct Job: Sendable {
    /// Does the work. What comes back tells the caller of the success, when the time for that has come.
    let run: @Sendable (Connection) throws -> @Sendable () -> Void
    /// Tells the caller that nothing was done.
    let fail: @Sendable (any Error) -> Void

    init<Value: Sendable>(
        _ work: @escaping @Sendable (Connection) throws -> Value,
        completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        run = { connection in
            let value = try work(connection)
            return { completion(.success(value)) }
        }
        fail = { completion(.failure($0)) }
    }
}
