// SPDX-License-Identifier: Apache-2.0

import Access
import Posix
import Testing

@testable import Agent

private let start = SessionDeadlines.Instant(nanoseconds: 1_000_000_000_000)

private func deadlines(
    grant: Duration = .seconds(3600), maximum: Duration = .seconds(7200), idle: Duration = .seconds(900),
    counts: Entitlement.Activity = .input, renew: Duration? = nil
) -> SessionDeadlines {
    SessionDeadlines(
        grantEnd: start + grant, sessionMaximum: maximum, idleLimit: idle, idleCounts: counts, renewWithin: renew,
        start: start)
}

/// Everything that is due at one moment.
private func events(of deadlines: inout SessionDeadlines, at seconds: Int) -> [SessionDeadlines.Event] {
    var events: [SessionDeadlines.Event] = []
    while let event = deadlines.next(at: start + .seconds(seconds)) {
        events.append(event)
        if case .end = event { break }
    }
    return events
}

@Suite struct SessionDeadlinesTests {
    @Test func `a session ends with its grant, not a nanosecond before`() {
        var deadlines = deadlines(grant: .seconds(50))
        #expect(deadlines.next(at: start + .seconds(50) - .nanoseconds(1)) == nil)
        #expect(deadlines.next(at: start + .seconds(50)) == .end(.expired))
    }

    @Test func `a session waits for a lost client, from the first loss, and not while the broker is gone too`() {
        var deadlines = deadlines()
        deadlines.clientLost(at: start + .seconds(10))
        deadlines.clientLost(at: start + .seconds(200))
        #expect(deadlines.next(at: start + .seconds(310) - .nanoseconds(1)) == nil)
        #expect(deadlines.next(at: start + .seconds(310)) == .end(.clientClosed))
        deadlines.clientMayBeThere()
        #expect(deadlines.next(at: start + .seconds(310)) == nil)
    }

    @Test func `a session ends at its own maximum when that comes first`() {
        var deadlines = deadlines(maximum: .seconds(50))
        #expect(events(of: &deadlines, at: 50) == [.end(.maximumDuration)])
    }

    @Test func `a session ends when nothing was typed for the idle limit`() {
        var deadlines = deadlines()
        deadlines.inputArrived(at: start + .seconds(100))
        #expect(deadlines.next(at: start + .seconds(1000) - .nanoseconds(1)) == .notice(.idle, in: .seconds(60)))
        #expect(events(of: &deadlines, at: 1000) == [.end(.idle)])
    }

    @Test func `output keeps a session only where the policy counts it`() {
        var strict = deadlines()
        strict.outputArrived(at: start + .seconds(800))
        #expect(events(of: &strict, at: 900) == [.end(.idle)])
        var lenient = deadlines(counts: .inputAndOutput)
        lenient.outputArrived(at: start + .seconds(800))
        #expect(events(of: &lenient, at: 900) == [])
    }

    @Test func `a session without a word from the broker ends with its lease`() {
        var deadlines = deadlines(renew: .seconds(60))
        deadlines.heardBroker(at: start + .seconds(45))
        #expect(events(of: &deadlines, at: 104) == [])
        #expect(events(of: &deadlines, at: 105) == [.end(.leaseLost)])
    }

    @Test func `of several ends that a suspended machine slept through the first is the reason`() {
        var deadlines = deadlines(grant: .seconds(3000), idle: .seconds(900), renew: .seconds(1200))
        #expect(events(of: &deadlines, at: 9000) == [.end(.idle)])
    }

    @Test func `the operator is warned 10, 5 and 1 minutes before the end`() {
        var deadlines = deadlines(grant: .seconds(660), idle: .seconds(3600))
        #expect(events(of: &deadlines, at: 59) == [])
        #expect(deadlines.due == start + .seconds(60))
        #expect(events(of: &deadlines, at: 60) == [.notice(.expired, in: .seconds(600))])
        #expect(events(of: &deadlines, at: 360) == [.notice(.expired, in: .seconds(300))])
        #expect(events(of: &deadlines, at: 600) == [.notice(.expired, in: .seconds(60))])
        #expect(events(of: &deadlines, at: 659) == [])
    }

    @Test func `a warning as long as the whole time is not given`() {
        var deadlines = deadlines(grant: .seconds(300), idle: .seconds(3600))
        #expect(events(of: &deadlines, at: 1) == [])
        #expect(events(of: &deadlines, at: 240) == [.notice(.expired, in: .seconds(60))])
    }

    @Test func `of several warnings that were slept through only the last is given`() {
        var deadlines = deadlines(grant: .seconds(1200), idle: .seconds(3600))
        #expect(events(of: &deadlines, at: 1190) == [.notice(.expired, in: .seconds(60))])
    }

    @Test func `idleness is warned of once, and again after new input`() {
        var deadlines = deadlines()
        #expect(events(of: &deadlines, at: 840) == [.notice(.idle, in: .seconds(60))])
        #expect(events(of: &deadlines, at: 850) == [])
        deadlines.inputArrived(at: start + .seconds(860))
        #expect(events(of: &deadlines, at: 1700) == [.notice(.idle, in: .seconds(60))])
    }

    @Test func `with an idle limit of a minute the warning comes half a minute before`() {
        var deadlines = deadlines(idle: .seconds(60))
        #expect(events(of: &deadlines, at: 29).isEmpty)
        #expect(events(of: &deadlines, at: 30) == [.notice(.idle, in: .seconds(30))])
        #expect(events(of: &deadlines, at: 60) == [.end(.idle)])
    }

    @Test func `a warning says how long, until when and why`() throws {
        let now = Timestamp(milliseconds: 1_800_000_000_000)  // 2027-01-15 08:00:00 UTC
        let grant = try GrantID("g-7k2p9x")
        let expiry = SessionDeadlines.Event.notice(.expired, in: .seconds(300)).text(grant: grant, at: now)
        #expect(expiry == "This session ends in 5 minutes (08:05:00 UTC), when grant g-7k2p9x expires.")
        let soon = SessionDeadlines.Event.notice(.idle, in: .seconds(30)).text(grant: grant, at: now)
        #expect(soon == "This session ends in 30 seconds (08:00:30 UTC), because it is idle. Type something to keep it.")
        let idle = SessionDeadlines.Event.notice(.idle, in: .seconds(60)).text(grant: grant, at: now)
        #expect(idle == "This session ends in 1 minute (08:01:00 UTC), because it is idle. Type something to keep it.")
    }
}
