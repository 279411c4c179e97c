// SPDX-License-Identifier: Apache-2.0
// SECURITY: the sweeper carries out what a deadline decided already. It calls the same transitions as everybody and is
// never the guard: a verb that comes too late is refused by its own transaction, swept or not (DESIGN 4).

package import Access
import Evidence
import Posix
package import Storage
import Synchronization
import Transport

/// Ends what is due: requests nobody decided, grants not activated or expired, sessions whose node went silent.
///
/// It may run several times at once, also in several processes: each transition is stored over the version it was made
/// from, and who comes second sees that it is done.
package struct Sweeper: Sendable {
    private let writer: Writer
    private let clock: BrokerClock

    /// Rows of each kind in one job: a long one is slow (``Writer/perform(_:times:)``).
    private static let batch = 5
    /// Jobs in one transaction where much is due, so that verbs are not kept waiting.
    private static let jobs = 100

    package init(_ writer: Writer, _ clock: BrokerClock) {
        self.writer = writer
        self.clock = clock
    }

    /// What one pass did.
    package struct Report: Sendable, Equatable {
        package var lapsedRequests = 0
        package var lapsedGrants = 0
        package var expiredGrants = 0
        package var settledGrants = 0
        package var unconfirmedSessions = 0
        package var overdueReviews = 0
        /// The nearest deadline that is left.
        package var next: Timestamp?

        package var total: Int {
            lapsedRequests + lapsedGrants + expiredGrants + settledGrants + unconfirmedSessions + overdueReviews
        }
    }

    /// One pass where nobody waits to be told.
    package func pass() throws -> Report { try pass { _ in } }

    /// - Parameter told: consequences of each transaction, after its commit.
    func pass(_ told: @Sendable ([Consequence]) -> Void) throws -> Report {
        var report = Report()
        var jobs = 1
        while true {
            let parts = writer.perform(jobs) { [clock] connection in
                var workflow = Workflow(connection, Roll(), at: clock.now)
                var report = Report()
                try workflow.sweep(limit: Self.batch, &report)
                return (report: report, consequences: workflow.consequences)
            }
            // Those that were stored are told of, whatever became of the others.
            for case .success(let part) in parts { told(part.consequences) }
            for part in parts { report.add(try part.get().report) }
            guard let last = try parts.last?.get().report, last.total > 0 else { return report }
            jobs = last.total < Self.batch ? 1 : Self.jobs
        }
    }
}

extension Sweeper.Report {
    fileprivate mutating func add(_ other: Sweeper.Report) {
        lapsedRequests += other.lapsedRequests
        lapsedGrants += other.lapsedGrants
        expiredGrants += other.expiredGrants
        settledGrants += other.settledGrants
        unconfirmedSessions += other.unconfirmedSessions
        overdueReviews += other.overdueReviews
        next = other.next
    }
}

extension Workflow {
    /// One batch of what is due.
    fileprivate mutating func sweep(limit: Int, _ report: inout Sweeper.Report) throws {
        for var request in try database.requestsDue(at: now, limit: limit) {
            guard let event = request.machine.due(at: now) else { continue }
            let version = request.machine.version
            _ = try request.machine.apply(event, in: directory, at: now)
            try database.update(request.machine, from: version, at: now)
            try record("request.lapsed", request.id)
            consequences.append(.requestChanged(request.id))
            report.lapsedRequests += 1
        }
        for var grant in try database.grantsDue(at: now, limit: limit) { try sweep(&grant, &report) }
        for var grant in try database.grantsToSettle(limit: limit) {
            try settle(&grant)
            report.settledGrants += 1
        }
        for var session in try database.sessionsToGiveUp(before: now - Session.silence, limit: limit) {
            try giveUp(&session)
            report.unconfirmedSessions += 1
        }
        for var review in try database.reviewsDue(at: now, limit: limit) where review.machine.due(at: now) != nil {
            try fallDue(&review)
            report.overdueReviews += 1
        }
        // Asked once: there is another batch behind one that did anything.
        if report.total == 0 { report.next = try database.nextDeadline() }
    }

    private mutating func sweep(_ grant: inout StoredGrant, _ report: inout Sweeper.Report) throws {
        guard let event = grant.machine.due(at: now, unfinished: 0) else { return }
        let version = grant.machine.version
        try grant.machine.apply(event, at: now)
        if grant.machine.state == .lapsed {
            try database.update(grant.machine, from: version, at: now)
            try record("grant.lapsed", grant.id)
            report.lapsedGrants += 1
        } else {
            try database.update(grant.machine, from: version, at: now)
            try record("grant.expired", grant.id)
            try invalidateExtensions(of: grant)
            try endSessions(of: grant.id, .expired, detail: "")
            try settle(&grant)
            report.expiredGrants += 1
        }
        consequences.append(.requestChanged(grant.request))
    }
}
