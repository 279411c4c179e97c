// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import Storage
import Synchronization
import Testing

@testable import Broker

@Suite struct SweeperTests {
    /// More than one job takes, and not a multiple of it.
    private static let requests = 23

    @Test func `one pass ends all that is due, tells of each once, and leaves nothing for the next`() throws {
        let broker = try TestBroker()
        let oncall = try broker.enrol("oncall", ["oncall"])
        _ = try broker.enrol("lead", ["approvers"])
        _ = try broker.enrolNode("db-1")
        var asked: Set<RequestID> = []
        for number in 0..<Self.requests {
            let request = try broker.request(by: "oncall", oncall, reason: "INC-\(number) broken replica")
            try #require(try broker.call("POST", Route.requests, request.source.json, as: oncall).status == 200)
            asked.insert(request.terms.id)
        }
        let writer = try Writer(path: broker.home.database, migrator: Schema.migrator)
        defer { writer.stop() }
        let early = Sweeper(writer, BrokerClock(known: TestBroker.now))
        #expect(try early.pass().total == 0, "nothing is due")

        let late = Sweeper(writer, BrokerClock(known: TestBroker.now + .seconds(7200)))
        let told = Mutex<[Consequence]>([])
        let report = try late.pass { consequences in told.withLock { $0 += consequences } }
        #expect(report.lapsedRequests == Self.requests && report.total == Self.requests)
        #expect(report.next == nil)
        let expected = asked.map { Consequence.requestChanged($0) }
        #expect(told.withLock { told in told.count == Self.requests && expected.allSatisfy(told.contains) })
        #expect(try late.pass().total == 0)
        #expect(try broker.ledger().count { $0 == "request.lapsed" } == Self.requests)
    }
}
