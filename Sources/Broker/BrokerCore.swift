// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one way to change anything: a job in the writer, its consequences after the commit (P4: store, then tell).

import Access
import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
import Transport

/// What the parts of a serving broker share.
final class BrokerCore: Sendable {
    let home: BrokerHome
    let writer: Writer
    let readers: ReaderPool
    let clock: BrokerClock
    let roll: RollBox
    let founding: Founding
    let key: SigningKey
    let heads: LedgerHeads
    let recordings: RecordingKeeper
    let disk: DiskQueue
    let indexer: SearchIndexer
    let searchReaders: ReaderPool
    let settings: BrokerSettings
    /// How much room there was when somebody looked last.
    let quota = Mutex<Quota?>(nil)
    let agents = AgentRegistry()
    let waiters = Waiters()
    let looks = Looks()
    let loop: EventLoop
    /// Told of ends and deadlines after each commit.
    private let listeners = Mutex<[@Sendable (Consequence) -> Void]>([])

    init(
        home: BrokerHome, writer: Writer, readers: ReaderPool, clock: BrokerClock, roll: RollBox, founding: Founding,
        key: SigningKey, loop: EventLoop
    ) throws {
        self.home = home
        self.writer = writer
        self.readers = readers
        self.clock = clock
        self.roll = roll
        self.founding = founding
        self.key = key
        heads = LedgerHeads(key, roll, clock)
        recordings = try RecordingKeeper(home)
        disk = try DiskQueue()
        indexer = try SearchIndexer(home, readers)
        settings = try BrokerSettings.read(home)
        searchReaders = try ReaderPool(path: home.searchIndex, count: 1)
        self.loop = loop
    }

    func onConsequence(_ listener: @escaping @Sendable (Consequence) -> Void) { listeners.withLock { $0.append(listener) } }

    /// Runs `verb` in a transaction.
    ///
    /// - Parameter completion: called after the commit, and after others were told; on the writer's thread.
    func write<Value: Sendable>(
        _ verb: @escaping @Sendable (inout Workflow) throws -> Value,
        completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        writer.submit { [self] connection in
            var workflow = Workflow(connection, roll.working, at: clock.now)
            let value = try verb(&workflow)
            return (value: value, consequences: workflow.consequences)
        } completion: { [self] result in
            switch result {
            case .success(let done):
                for consequence in done.consequences { tell(consequence) }
                completion(.success(done.value))
            case .failure(let error): completion(.failure(error))
            }
        }
    }

    /// Appends an entry of the roll.
    func append(
        _ entry: SignedText, sentBy principal: Principal, completion: @escaping @Sendable (Result<Roll, any Error>) -> Void
    ) {
        let isStaged = Atomic(false)
        write { [self] workflow in
            if let number = try workflow.database.rollNumber(of: try entry.digest()) {
                // A retry of what is in the roll already.
                return (roll: workflow.roll, isNew: false, number: number)
            }
            let grown = try workflow.append(entry, sentBy: principal, founding: founding)
            roll.stage(grown)
            isStaged.store(true, ordering: .relaxed)
            return (roll: grown, isNew: true, number: grown.number)
        } completion: { [self] result in
            switch result {
            case .success(let done):
                if done.isNew { roll.publish(done.roll, entry) }
                distributeRoll()
                completion(.success(done.roll))
            case .failure(let error):
                // The transaction was lost. A job that never ran is told so on another thread, and staged nothing.
                if isStaged.load(ordering: .relaxed) { roll.discard() }
                completion(.failure(error))
            }
        }
    }

    /// Brings the roll of every connected node forward.
    func distributeRoll() {
        loop.submit { [self] in
            let directory = roll.current.directory
            for node in agents.names {
                agents.bringForward(node, from: roll)
                if directory.nodes[node]?.isEnabled != true { agents.expel(node) }
            }
        }
    }

    /// For consequences of transactions that did not go through ``write(_:completion:)``.
    func tellAll(_ consequences: [Consequence]) {
        for consequence in consequences { tell(consequence) }
    }

    private func tell(_ consequence: Consequence) {
        switch consequence {
        case .requestChanged(let id): waiters.changed(id)
        case .grantOver(let over, let selector):
            for node in roll.current.directory.nodes(matching: selector) { agents.send(.grantsOver([over]), to: node.name) }
        case .rollGrew, .endSessions, .endSession, .leaseChanged, .deadlineSet: break
        }
        for listener in listeners.withLock({ $0 }) { listener(consequence) }
    }
}

/// Lines on standard error, one for each thing worth telling an operator of the broker.
enum Log {
    static func line(_ level: String, _ text: String) {
        let now = Timestamp(milliseconds: BootClock.wallMilliseconds())
        // Nobody is helped if the broker stops because its log cannot be written.
        try? StandardStream.error.write("\(now) \(level) \(escaped(text))\n")
    }

    static func error(_ text: String) { line("error", text) }
    static func info(_ text: String) { line("info", text) }

    private static func escaped(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }
}
