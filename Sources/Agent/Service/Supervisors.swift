// SPDX-License-Identifier: Apache-2.0
// SECURITY: every folder in sessions/ has a supervisor that lives, or a receipt, or gets both its processes killed and a
// receipt here (P3, P4).

import Access
import Evidence
import Glibc
import Posix
import Protocol

/// The sessions of this node, as the agent sees them: started by it, or found when it started.
final class Supervisors {
    private let home: AgentHome
    private let identity: NodeIdentity
    private let key: NodeKey
    private let executable: String
    private let grants: GrantMemory
    /// The supervisors that this agent started.
    private var children: [SessionID: StartedSupervisor] = [:]
    /// What they are copies of.
    private var warm: WarmSupervisor?
    /// One that waits for the next session.
    private var spare: StartedSupervisor?
    /// Whether this process is its sessions' next reaper, and no other children hang below it.
    private let isReaper: Bool
    /// Other children of this process, which are no session's: the readers of its control channel.
    var others: Set<Int32> = []

    init(home: AgentHome, identity: NodeIdentity, key: NodeKey, executable: String, grants: GrantMemory, isReaper: Bool = false) {
        self.home = home
        self.identity = identity
        self.key = key
        self.executable = executable
        self.grants = grants
        self.isReaper = isReaper
    }

    /// The sessions that have a folder: they live, or their receipt is still to be stored.
    func all() throws -> [SessionID] {
        try DurableFile.listDirectory(home.sessionsPath).compactMap { name in
            // A name that is no id is not ours; it stays and disturbs nobody.
            guard let id = try? SessionID(name), id.description == name else { return nil }
            return id
        }
    }

    /// The children that we started ourselves.
    private var families: Set<Int32> {
        others.union(children.values.map { $0.process.pid }).union([spare?.process.pid, warm?.pid].compactMap { $0 })
    }

    /// Lends the process of a supervisor that we started; nothing for one that we did not.
    func process(of id: SessionID, _ body: (borrowing ChildProcess) throws -> Void) rethrows {
        if let child = children[id] { try body(child.process) }
    }

    /// Starts the supervisor of a session that was decided on.
    func start(_ terms: SessionTerms) throws {
        let folder = home.folder(of: terms.id)
        // An id is 30 bits of a digest, and whoever signs can search for one: it must not take another session's place.
        guard !folder.exists else { throw AgentError.openingReplayed(terms.id) }
        var terms = terms
        do {
            let group = try ControlGroup.make(terms.id.description)
            terms.group = group.path
            limitProcesses(in: group, for: terms)
        } catch {
            // Usual without root. The walk finds the processes, and the receipt says that it was the only way.
            Log.warning("\(terms.id): no control group: \(error.message)")
        }
        do {
            try folder.make(for: terms)
            children[terms.id] = try assigned(terms.id)
        } catch {
            forget(terms, folder)
            throw error
        }
    }

    private func limitProcesses(in group: ControlGroup, for terms: SessionTerms) {
        do {
            // Where it is not possible the second stage limits the user's.
            _ = try group.limitProcesses(to: terms.settings.limits[.processes] ?? SessionSettings.usualProcesses)
        } catch {
            Log.warning("\(terms.id): its control group does not limit processes: \(error.message)")
        }
    }

    /// Starts the supervisor that the next session gets, unless one waits already.
    func prepareSpare() {
        guard spare == nil else { return }
        do {
            spare = try started()
        } catch {
            // The next session starts its own, and tells its client where that fails too.
            Log.warning("no supervisor could be started ahead: \(error.message)")
        }
    }

    var hasSpare: Bool { spare != nil }

    /// Has the next session's supervisor connect to the broker while it is decided whether there is a session.
    func expectSession() { spare?.expectSession() }

    private func assigned(_ id: SessionID) throws -> StartedSupervisor {
        if let waiting = spare.take() {
            do {
                try waiting.assign(id)
                return waiting
            } catch {
                Log.warning("\(id): the supervisor that was started ahead is gone: \(error.message)")
            }
        }
        let started = try started()
        try started.assign(id)
        return started
    }

    /// A supervisor without a session: a copy of the warm process, or where that cannot be, one from the beginning.
    private func started() throws(SystemError) -> StartedSupervisor {
        if let copy = copied({ warm throws(SystemError) in try StartedSupervisor(copying: warm) }) { return copy }
        return try StartedSupervisor(of: home, executable: executable)
    }

    /// A process for a connection of the agent, in the same way.
    func channelReader() throws(SystemError) -> NetworkReader {
        if let copy = copied({ warm throws(SystemError) in try NetworkReader(copying: warm) }) { return copy }
        return try NetworkReader(ChannelReader.command, executable: executable)
    }

    /// `nil` where the warm process gives no copy; then it is ended.
    private func copied<Process>(_ copy: (WarmSupervisor) throws(SystemError) -> Process) -> Process? {
        do throws(SystemError) {
            let source = if let warm { warm } else { try WarmSupervisor(of: home, executable: executable) }
            warm = source
            return try copy(source)
        } catch {
            Log.warning("no copy of a warm supervisor: \(error.message)")
            do throws(SystemError) {
                try warm?.dismiss()
            } catch {
                Log.warning("the warm supervisor was not ended: \(error.message)")
            }
            warm = nil
            return nil
        }
    }

    /// Passes on to a supervisor that its session is to end. Says whether there is one.
    func tell(_ id: SessionID, _ reason: Session.EndReason, detail: String) -> Bool {
        do {
            try home.folder(of: id).tell(.end(id, reason, detail: PlainText.cleaned(detail, maximum: 500)))
            return true
        } catch {
            // No supervisor reads: the session is ending already, or its supervisor is gone. Both are settled.
            return false
        }
    }

    /// The requests whose sessions have no receipt yet.
    func requests() throws -> Set<Digest> {
        var requests: Set<Digest> = []
        for id in try all() {
            let folder = home.folder(of: id)
            // Without a lease it never began; with a receipt it is over.
            guard folder.exists, try folder.receipt() == nil, let terms = try? folder.terms() else { continue }
            requests.insert(terms.request)
        }
        return requests
    }

    /// Notes which of our supervisors have ended, and collects what they left us when they crashed.
    func collect() {
        defer { if isReaper { ProcessControl.collectChildren(besides: families) } }
        for (id, child) in children {
            do {
                guard try child.process.status() != nil else { continue }
            } catch {
                Log.warning("\(id): \(error.message)")
            }
            children[id] = nil
        }
        do {
            if try spare?.process.status() != nil { spare = nil }
            if try warm?.hasEnded() == true { warm = nil }
        } catch {
            Log.warning("the supervisor that was started ahead: \(error.message)")
        }
    }

    /// Moves the end of a session that lives.
    ///
    /// - Parameter decide: says to where, for the session's terms and the version of the lease that it holds.
    /// - Returns: the new lease; `nil` where there was nothing to move.
    func prolong(_ id: SessionID, _ decide: (SessionTerms, Int64) throws -> LeaseMove?) throws -> LeaseMove? {
        let folder = home.folder(of: id)
        guard folder.exists, !folder.isEmpty, try folder.receipt() == nil else { return nil }
        let terms = try folder.terms()
        let held = max(terms.leaseVersion, try folder.leaseMove()?.version ?? 0)
        guard let move = try decide(terms, held) else { return nil }
        try folder.save(move)
        do {
            try folder.tell(.leaseMoved(id))
        } catch {
            // A supervisor that begins reads the folder; one that is gone has ended the session.
            Log.info("\(id): no supervisor reads that its lease moved")
        }
        return move
    }

    /// The receipts that wait for the broker. What a crashed supervisor left is ended first.
    func pendingReceipts() throws -> [(SessionID, SignedText)] {
        var receipts: [(SessionID, SignedText)] = []
        for id in try all() {
            let folder = home.folder(of: id)
            do {
                if let receipt = try folder.receipt() {
                    // Its supervisor may live: it waits for a client that is to have the last bytes. Twice does no harm.
                    receipts.append((id, receipt.source))
                    continue
                }
                guard children[id] == nil else { continue }
                // While a supervisor lives it has the lock.
                let lock = try folder.lock()
                if folder.isEmpty {
                    try folder.remove()
                } else {
                    receipts.append((id, try settle(folder).source))
                }
                _ = consume lock
            } catch let error as SystemError where error.isInUse {
                continue
            } catch {
                // A supervisor may have removed its folder while we looked.
                if folder.exists { Log.error("\(id): \(AgentError(error).message)") }
            }
        }
        return receipts
    }

    /// The sessions whose person or device is no longer on the roll.
    func disabled(by roll: Roll) throws -> [SessionID] {
        try all().filter { id in
            do {
                return roll.person(withDevice: try home.folder(of: id).terms().device) == nil
            } catch {
                return false  // it ended meanwhile, or `pendingReceipts` will say what is wrong with it
            }
        }
    }

    /// The broker has a receipt.
    func receiptStored(_ id: SessionID) throws {
        let folder = home.folder(of: id)
        guard try folder.receipt() != nil else { return }
        try folder.remove()
    }

    /// The receipt of a session without a supervisor.
    private func settle(_ folder: SessionFolder) throws -> Signed<ReceiptStatement> {
        if let receipt = try folder.receipt() { return receipt }
        let terms = try folder.terms()
        var end = SessionEnd(reason: .failed)
        let group = terms.group.map { ControlGroup(existing: $0) }
        if terms.bootID == (try BootClock.bootID()) {
            end.detail = "The session's supervisor ended unexpectedly."
            // We are the next reaper: what lost its supervisor hangs below us, beside the supervisors that live.
            let reaper = isReaper ? getpid() : .max
            end.processes = SessionProcesses(of: reaper, session: terms.id.description, group: group, sparing: families).end()
            end.remarks = ["Its supervisor was gone: what left the control group and its environment may not have been found."] + terms.handedOver
            if terms.settings.keepsLoginRecord { LoginRecords.end(host: terms.loginHost) }
        } else {
            end.detail = "The machine went down."
        }
        let receipt = try terms.receipt(of: end, by: identity, key: key, at: .now)
        try folder.save(receipt)
        // An empty directory is left when this fails, and the next session of this name removes it.
        try? group?.remove()
        Log.warning("\(terms.id): \(end.detail) \(end.processes.killed) processes killed, \(end.processes.left.count) left")
        return receipt
    }

    private func forget(_ terms: SessionTerms, _ folder: SessionFolder) {
        do {
            if folder.exists { try folder.remove() }
            if let path = terms.group { try ControlGroup(existing: path).remove() }
        } catch {
            Log.warning("\(terms.id): \(AgentError(error).message)")
        }
    }
}

extension SystemError {
    /// Another process holds the lock.
    var isInUse: Bool {
        if case .inUse = refusal { true } else { false }
    }
}
