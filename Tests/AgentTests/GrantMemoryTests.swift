// SPDX-License-Identifier: Apache-2.0

import Evidence
import Posix
import Testing

@testable import Access
@testable import Agent

/// A lease of ten minutes that began at ``Installation/start``, and the memory of one node.
private struct Memory {
    let directory: TemporaryDirectory
    let lease: Lease
    let request: Digest

    static let boot: Int64 = 5_000_000_000_000
    static let minute: Int64 = 60_000_000_000

    init() throws {
        directory = try TemporaryDirectory()
        let installation = try Installation()
        let evidence = try EvidencePlan(installation).evidence()
        lease = try evidence.decide(with: installation.roll, at: Installation.start)
        request = evidence.request.digest
    }

    var grants: GrantMemory { GrantMemory(directory.path) }

    /// - Parameters:
    ///   - version: of the lease; each after the first adds `added`.
    func deadline(
        wall: Timestamp = Installation.start, boot: Int64 = boot, bootID: String = "a", version: Int64 = 1, added: Duration = .zero
    ) throws -> Int64 {
        let lease = Lease(
            grant: lease.grant, version: version, notBefore: lease.notBefore, notAfter: lease.notAfter + added,
            sessionMaximum: lease.sessionMaximum, idleLimit: lease.idleLimit, idleCounts: lease.idleCounts,
            renewWithin: lease.renewWithin, detachedFor: lease.detachedFor, withoutBroker: lease.withoutBroker,
            recording: lease.recording, settings: lease.settings, program: lease.program, consent: lease.consent)
        return try grants.anchor(lease, of: request, at: GrantMemory.Moment(wall: wall, boot: boot, bootID: bootID)).deadline
    }
}

@Suite struct GrantMemoryTests {
    @Test func `at first sight the grant has what the wall clock leaves of it`() throws {
        let memory = try Memory()
        #expect(try memory.deadline(wall: Installation.start + .seconds(240)) == Memory.boot + 6 * Memory.minute)
    }

    @Test func `a wall clock that is behind gives no more than was granted`() throws {
        let memory = try Memory()
        #expect(try memory.deadline(wall: Installation.start - .seconds(50)) == Memory.boot + 10 * Memory.minute)
    }

    @Test func `a wall clock set back later does not prolong a grant`() throws {
        let memory = try Memory()
        let first = try memory.deadline()
        let later = Memory.boot + 4 * Memory.minute
        #expect(try memory.deadline(wall: Installation.start, boot: later) == first)
    }

    @Test func `a wall clock set forward later cuts a grant, and back again does not give it back`() throws {
        let memory = try Memory()
        _ = try memory.deadline()
        let cut = try memory.deadline(wall: Installation.start + .seconds(540))
        #expect(cut == Memory.boot + Memory.minute)
        #expect(try memory.deadline() == cut)
    }

    @Test func `after a reboot the wall clock counts again`() throws {
        let memory = try Memory()
        _ = try memory.deadline()
        let after = try memory.deadline(wall: Installation.start + .seconds(300), boot: 7, bootID: "b")
        #expect(after == 7 + 5 * Memory.minute)
    }

    @Test func `a second activation of the same grant moves its end on no clock, nor across a reboot`() throws {
        let memory = try Memory()
        let first = try memory.deadline()
        let installation = try Installation()
        var plan = try EvidencePlan(installation)
        plan.activatedAt = Installation.start + .seconds(300)
        plan.openedAt = Installation.start + .seconds(300)
        let later = try plan.evidence().decide(with: installation.roll, at: Installation.start + .seconds(300))
        #expect(later.notAfter == memory.lease.notAfter + .seconds(300))
        func deadline(boot: Int64, bootID: String) throws -> Int64 {
            try memory.grants.anchor(
                later, of: memory.request,
                at: GrantMemory.Moment(wall: Installation.start + .seconds(300), boot: boot, bootID: bootID)
            ).deadline
        }
        #expect(try deadline(boot: Memory.boot + 5 * Memory.minute, bootID: "a") == first)
        #expect(try deadline(boot: 7, bootID: "b") == 7 + 5 * Memory.minute)
    }

    @Test func `a grant whose time is up on the boot clock is over whatever the wall clock says`() throws {
        let memory = try Memory()
        let end = try memory.deadline()
        #expect(try memory.deadline(boot: end - 1) == end)
        #expect(refusal { _ = try memory.deadline(boot: end) } == "grant.over")
    }

    @Test func `a grant that ended is over for good`() throws {
        let memory = try Memory()
        _ = try memory.deadline()
        try memory.grants.markEnded(memory.request, .revoked, until: memory.lease.notAfter)
        #expect(refusal { _ = try memory.deadline() } == "grant.over")
        #expect(refusal { _ = try memory.deadline(boot: 7, bootID: "b") } == "grant.over")
    }

    @Test func `a grant may be marked as ended before it was seen`() throws {
        let memory = try Memory()
        try memory.grants.markEnded(memory.request, .released, until: memory.lease.notAfter)
        #expect(refusal { _ = try memory.deadline() } == "grant.over")
    }

    @Test func `a mark that cannot be read ends the grant all the same and is kept`() throws {
        let memory = try Memory()
        for text in ["", "\n", "bored 5\n", "revoked\n", "revoked -1\n", "revoked 99999999999999999999\n"] {
            try DurableFile.writeAtomically(Array(text.utf8), to: memory.directory.path + "/" + memory.request.hex + ".ended")
            #expect(refusal { _ = try memory.deadline() } == "grant.over", "\(text)")
        }
        try memory.grants.clean(at: memory.lease.notAfter + .seconds(365 * 86_400))
        #expect(refusal { _ = try memory.deadline() } == "grant.over")
    }

    @Test func `the mark of a grant that was never seen is forgotten 90 days after its time`() throws {
        let memory = try Memory()
        try memory.grants.markEnded(memory.request, .revoked, until: memory.lease.notAfter)
        try memory.grants.clean(at: memory.lease.notAfter + .seconds(90 * 86_400))
        #expect(refusal { _ = try memory.deadline() } == "grant.over")
        try memory.grants.clean(at: memory.lease.notAfter + .seconds(90 * 86_400 + 1))
        #expect(try DurableFile.listDirectory(memory.directory.path).isEmpty)
    }

    @Test func `an older version of a lease than one seen is refused`() throws {
        let memory = try Memory()
        _ = try memory.deadline(version: 2)
        #expect(refusal { _ = try memory.deadline(version: 1) } == "lease.outdated")
        #expect(refusal { _ = try memory.deadline(version: 2) } == "accepted")
    }

    @Test func `an extension moves the end by what it adds, however the wall clock was stepped`() throws {
        let memory = try Memory()
        let first = try memory.deadline()
        let stepped = Installation.start + .seconds(-7200)
        #expect(try memory.deadline(wall: stepped, boot: Memory.boot + Memory.minute, version: 2, added: .seconds(300)) == first + 5 * Memory.minute)
    }

    @Test func `the same extension again moves nothing`() throws {
        let memory = try Memory()
        _ = try memory.deadline()
        let second = try memory.deadline(boot: Memory.boot + Memory.minute, version: 2, added: .seconds(300))
        #expect(try memory.deadline(boot: Memory.boot + 2 * Memory.minute, version: 2, added: .seconds(300)) == second)
    }

    @Test func `an extension that comes when the time is up revives nothing`() throws {
        let memory = try Memory()
        let end = try memory.deadline()
        #expect(refusal { _ = try memory.deadline(boot: end, version: 2, added: .seconds(300)) } == "grant.over")
        #expect(try memory.deadline(boot: end - 1, version: 2, added: .seconds(300)) == end + 5 * Memory.minute)
    }

    @Test func `a damaged memory refuses the grant`() throws {
        let memory = try Memory()
        _ = try memory.deadline()
        try DurableFile.writeAtomically(Array("{}".utf8), to: memory.directory.path + "/" + memory.request.hex + ".json")
        #expect(refusal { _ = try memory.deadline() } == "agent.home-damaged")
    }

    @Test func `an ended grant is remembered for 90 days after its time`() throws {
        let memory = try Memory()
        _ = try memory.deadline()
        try memory.grants.markEnded(memory.request, .revoked, until: memory.lease.notAfter)
        try memory.grants.clean(at: memory.lease.notAfter + .seconds(90 * 86_400))
        #expect(refusal { _ = try memory.deadline() } == "grant.over")
        try memory.grants.clean(at: memory.lease.notAfter + .seconds(90 * 86_400 + 1))
        #expect(try DurableFile.listDirectory(memory.directory.path).isEmpty)
    }
}
