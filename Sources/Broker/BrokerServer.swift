// SPDX-License-Identifier: Apache-2.0

import Access
package import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
package import Transport

/// Entries that nobody signed who may, to be served behind a roll.
package typealias RollForgery = (Roll) throws -> [SignedText]

/// `stintd serve` and `stintd sweep`.
package final class BrokerServer: Sendable {
    private let core: BrokerCore
    private let hub: SessionHub
    private let server: HTTPServer
    private let sweeper: SweeperThread
    private let retention: RetentionKeeper
    private let marker: RollMarker
    /// Where it listens.
    package let endpoint: Endpoint

    /// Opens the home, verifies the roll, and listens. ``run()`` serves.
    ///
    /// - Parameters:
    ///   - endpoint: where to listen; `nil` for the address that tokens name.
    ///   - interference: for tests that need a broker which changes what it relays.
    ///   - forgery: for tests that need one which serves more entries of the roll than there are.
    package init(
        _ home: BrokerHome, listening endpoint: Endpoint?, interference: RelayInterference? = nil, forgery: RollForgery? = nil
    ) throws {
        guard try DurableFile.listDirectory(home.path).contains("broker.key") else { throw HomeError.notInitialised(home.path) }
        try home.check()
        let founding = try Founding.read(home)
        let seed = try home.readKey()
        let key = try SigningKey(seed: seed)
        let writer = try Writer(path: home.database, migrator: Schema.migrator)
        let readers = try ReaderPool(path: home.database, count: 2)
        let mark = RollMark.read(home, by: key.publicKey)
        let reading = try RollReading(readers, mark: mark)
        let last = try readers.perform { try $0.ledgerTime() }
        let loop = try EventLoop()
        core = try BrokerCore(
            home: home, writer: writer, readers: readers, clock: BrokerClock(known: last ?? Timestamp(milliseconds: 0)),
            roll: RollBox(reading.roll, entries: reading.entries, forged: try forgery?(reading.roll) ?? []), founding: founding, key: key, loop: loop)
        marker = RollMarker(home, key, core.roll, marked: mark?.tally, verified: reading.tally)
        hub = SessionHub(core, interference: interference)
        let identity = try seed.reveal { bytes in try TLSIdentity(ed25519Seed: bytes) }
        server = HTTPServer(loop, context: try TLSContext(serverWith: identity), handler: API(core, hub))
        try core.settleAfterRestart()
        try core.keepRecordings()
        try core.indexer.start()
        self.endpoint = try server.listen(endpoint ?? Endpoint(founding.address))
        sweeper = try SweeperThread(core)
        retention = try RetentionKeeper(core, marker)
        try DurableFile.writeAtomically(Array("\(self.endpoint)\n".utf8), to: home.address)
    }

    /// Serves until ``stop()``.
    package func run() {
        Log.info("stintd \(Version.text) serves \(core.home.path) on \(endpoint), key \(core.key.publicKey)")
        core.loop.run()
        sweeper.stop()
        retention.stop()
        marker.finish()
        core.recordings.stop()
        core.disk.stop()
        core.indexer.stop()
        core.searchReaders.stop()
        core.readers.stop()
        core.writer.stop()
    }

    /// From any thread.
    package func stop() {
        server.close()
        core.loop.stop()
    }

    /// Sweeps once, beside a broker that may serve the same home.
    package static func sweepOnce(_ home: BrokerHome) throws -> Sweeper.Report {
        guard try DurableFile.listDirectory(home.path).contains("broker.key") else { throw HomeError.notInitialised(home.path) }
        try home.check()
        let writer = try Writer(path: home.database, migrator: Schema.migrator)
        defer { writer.stop() }
        let last = try writer.perform { try $0.ledgerTime() }
        return try Sweeper(writer, BrokerClock(known: last ?? Timestamp(milliseconds: 0))).pass()
    }
}

extension BrokerCore {
    /// What a broker that stopped left in between: nobody waits for openings any more, and live sessions are detached until
    /// their nodes are heard.
    fileprivate func settleAfterRestart() throws {
        try writer.perform { [roll, clock] connection in
            var workflow = Workflow(connection, roll.working, at: clock.now)
            for session in try connection.unfinishedSessions() {
                switch session.machine.state {
                case .opening:
                    let problem = Problem(status: 409, code: "broker.restarted", message: "The broker was restarted.")
                    try workflow.refuse(session.id, because: problem)
                case .live: try workflow.detach(session.id, lost: "broker")
                case .detached, .ending, .ended: break
                }
            }
        }
    }
}

/// Runs the sweeper when something is due, and looks every half minute in any case.
final class SweeperThread: Sendable {
    private struct State {
        var isStopped = false
        var hasNews = true
    }

    private let state = Mutex(State())
    private let wake: EventCounter
    private let core: BrokerCore
    private let done = Atomic(false)

    init(_ core: BrokerCore) throws {
        self.core = core
        wake = try EventCounter()
        core.onConsequence { [weak self] consequence in
            if consequence == .deadlineSet { self?.wake.signal() }
        }
        try Thread.start("sweeper", stackSize: 512 * 1024) { [self] in run() }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    private func run() {
        let sweeper = Sweeper(core.writer, core.clock)
        while !state.withLock({ $0.isStopped }) {
            var pause: Duration = .seconds(30)
            do {
                let report = try sweeper.pass { [core] in core.tellAll($0) }
                if let next = report.next { pause = min(pause, max(.milliseconds(20), next - core.clock.now)) }
            } catch {
                // The next pass finds the same work; what is due is refused by the verbs meanwhile.
                Log.error("sweeper: \(Problem(explaining: error).message)")
                pause = .seconds(1)
            }
            var entries = [PollEntry(wake.number, .input)]
            do { _ = try Poll.wait(&entries, timeout: pause) } catch { Log.error("sweeper: \(error.message)") }
            wake.clear()
        }
    }
}
