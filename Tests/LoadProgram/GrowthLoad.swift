// SPDX-License-Identifier: Apache-2.0

import Access
import Broker
import Evidence
import Glibc
import Posix
import Storage
import StrictJSON
import Synchronization

/// The sweeper and the start of the broker, over a database that grows: what they cost must be what is due, not what is stored.
struct GrowthLoad {
    private let options: Options
    private let stintd: String

    init(_ options: Options) throws {
        self.options = options
        stintd = try options.text("stintd")
    }

    /// Idle passes that are timed.
    private static let idlePasses = 20

    func run() throws -> JSONValue {
        let (sizes, due, starts) = (try options.numbers("sizes"), try options.number("due"), try options.number("starts"))
        // Everything was stored within the hours before now, so that the clock of a broker that starts is ahead of it.
        var now = Scene.now - .seconds(12 * 3600)
        let scene = try Scene(try options.text("home"), requesters: 50, approvers: 10, nodes: 1, at: now)
        var results: [JSONValue] = []
        var stored = 0
        var grants: StoredGrants? = try StoredGrants(scene)
        for size in sizes {
            let begin = ContinuousClock.now
            try grants?.addHistory(max(0, size - stored - due), from: &now)
            let made = try grants?.addDue(due, at: now) ?? 0
            try grants?.finish()
            stored = max(size, stored + due)
            LoadProgram.tell("\(stored) grants are stored after another \((ContinuousClock.now - begin).microseconds / 1_000_000) s")
            let sweep = try Self.sweep(scene.databasePath, expecting: made, from: &now)
            let start = try measureStarts(starts, scene)
            if size == sizes.first { try BrokerUnderLoad.check(stintd, scene) }
            let database = try scene.openDatabase(readOnly: true)
            results.append([
                "grants": .integer(Int64(grants?.count ?? 0)), "ledger": .integer(try database.ledgerHead().number),
                "bytes": .integer(Self.size(scene.databasePath)), "sweep": sweep, "starts": start,
            ])
        }
        grants = nil
        return ["sizes": .array(results)]
    }

    /// Stores the largest of the sizes with what is due, and leaves it: to be copied, and swept by ``sweepStored(_:)``, as often as
    /// somebody wants to look.
    func store() throws -> JSONValue {
        let (size, due) = (try options.number("sizes"), try options.number("due"))
        var now = Scene.now - .seconds(12 * 3600)
        let scene = try Scene(try options.text("home"), requesters: 50, approvers: 10, nodes: 1, at: now)
        var grants = try StoredGrants(scene)
        try grants.addHistory(max(0, size - due), from: &now)
        let made = try grants.addDue(due, at: now)
        try grants.finish()
        return ["grants": .integer(Int64(grants.count)), "due": .integer(Int64(made))]
    }

    /// The sweep of what ``store()`` left.
    static func sweepStored(_ options: Options) throws -> JSONValue {
        let path = try options.text("home") + "/stint.db"
        let database = try Connection(path: path, mode: .readOnly)
        guard var now = try database.ledgerTime() else { throw LoadError("nothing is stored") }
        let due = try database.grantsDue(at: now + StoredGrants.short, limit: 1_000_000).count
        return try sweep(path, expecting: due, from: &now)
    }

    private static func size(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    // MARK: The sweeper

    /// In this process, over the same code and with the same settings as in a broker: first with nothing due, then with all of
    /// it due at one moment.
    private static func sweep(_ path: String, expecting due: Int, from now: inout Timestamp) throws -> JSONValue {
        let load = try MachineLoad.now()
        let writer = try Writer(path: path, migrator: Schema.migrator)
        defer { writer.stop() }
        let moment = Mutex(now.milliseconds)
        let clock = BrokerClock(known: now) { moment.withLock { $0 } }
        let sweeper = Sweeper(writer, clock)
        let idleBefore = try idle(sweeper)
        now = now + StoredGrants.short
        moment.withLock { [milliseconds = now.milliseconds] in $0 = milliseconds }
        let (begin, processorBegin) = (ContinuousClock.now, ProcessorTime.ownMicroseconds)
        let report = try sweeper.pass()
        let (spent, processorTime) = (ContinuousClock.now - begin, ProcessorTime.ownMicroseconds - processorBegin)
        guard report.expiredGrants == due, report.total == due else { throw LoadError("\(due) grants were due, and the sweeper did \(report)") }
        guard try writer.perform({ [now] in try $0.grantsDue(at: now, limit: 1) }).isEmpty else { throw LoadError("a grant that is due is active") }
        let idleAfter = try idle(sweeper)
        now = now + .seconds(1)
        LoadProgram.tell("\(due) due: \(spent.microseconds / 1000) ms, \(processorTime / 1000) ms of processor time; an idle pass: \(idleAfter.percentile(500).microseconds) µs")
        return [
            "due": .integer(Int64(due)), "microseconds": .integer(spent.microseconds),
            "processorTime": .integer(processorTime), "idleBefore": idleBefore.json, "idleAfter": idleAfter.json, "load": load,
        ]
    }

    private static func idle(_ sweeper: Sweeper) throws -> Sample {
        _ = try sweeper.pass()  // reads the schema and what else a new connection reads
        var sample = Sample()
        for _ in 0..<idlePasses {
            let begin = ContinuousClock.now
            let report = try sweeper.pass()
            sample.add(ContinuousClock.now - begin)
            guard report.total == 0 else { throw LoadError("the sweeper found something to do: \(report)") }
        }
        return sample
    }

    // MARK: The start

    private func measureStarts(_ count: Int, _ scene: Scene) throws -> JSONValue {
        var starts: [JSONValue] = []
        for _ in 0..<count {
            let load = try MachineLoad.now()
            let broker = try BrokerUnderLoad.start(stintd, scene, answering: scene.requesters[0].key)
            try Pause.wait(.milliseconds(500))  // what starts beside serving has allocated what it needs
            starts.append([
                "microseconds": .integer(broker.startTime.microseconds), "listening": .integer(broker.listenTime.microseconds),
                "memory": try broker.memory().json, "load": load,
            ])
            LoadProgram.tell("a start: \(broker.startTime.microseconds / 1000) ms, \(try broker.memory().proportional) KiB")
            try broker.stop()
        }
        return .array(starts)
    }
}

enum ProcessorTime {
    /// Of this process, all its threads together.
    static var ownMicroseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
