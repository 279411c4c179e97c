// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

@testable import Agent

/// The table of what a reader may ask its keeper for.
struct ReaderRequestTests {
    private static let key = [UInt8](repeating: 7, count: 32)
    private static let requests: [ReaderRequest] = [
        .accept(ephemeral: key), .start,
        .attach(.init(digest: .none, ephemeral: key, input: 1, output: UInt64(Int64.max), errorOutput: 0)),
        .end(.idle, detail: ""), .end(.failed, detail: String(repeating: "x", count: 500)), .drained,
        .counted(input: 0, output: .max), .stored, .key,
    ]

    @Test(arguments: requests) func `a request comes back as it was sent`(request: ReaderRequest) throws {
        #expect(try ReaderRequest(request.bytes) == request)
        #expect(request.bytes.count <= ReaderRequest.maximumLength)
    }

    @Test(arguments: requests) func `no part of a request is one, and none with a byte more`(request: ReaderRequest) {
        let whole = request.bytes
        for length in 0..<whole.count where !(request.kind == .end && length >= 2) {
            #expect(throws: ReaderRequest.Violation.self, "\(length)") { try ReaderRequest(Array(whole.prefix(length))) }
        }
        if request.kind != .end || whole.count == ReaderRequest.maximumLength {
            #expect(throws: ReaderRequest.Violation.self) { try ReaderRequest(whole + [0]) }
        }
    }

    @Test func `every reason that a reader may give comes back, and no number beyond them`() throws {
        for reason in ReaderRequest.reasons { #expect(try ReaderRequest(ReaderRequest.end(reason, detail: "").bytes) == .end(reason, detail: "")) }
        let beyond = UInt8(ReaderRequest.reasons.count)
        #expect(throws: ReaderRequest.Violation.outOfRange(.end)) { try ReaderRequest([4, beyond]) }
    }

    @Test func `a count of more than 63 bits is refused`() {
        #expect(throws: ReaderRequest.Violation.outOfRange(.counted)) { try ReaderRequest([6] + [UInt8](repeating: 0xFF, count: 16)) }
    }

    @Test func `bytes of all kinds and lengths are a request or a violation`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            let length = Int.random(in: 0...(ReaderRequest.maximumLength + 8), using: &generator)
            var message = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if length > 0 { message[0] = UInt8.random(in: 0...9, using: &generator) }
            do throws(ReaderRequest.Violation) {
                #expect(try ReaderRequest(message).kind.rawValue == message[0])
            } catch {
                #expect(!error.text.isEmpty)
            }
        }
    }

    /// What the comment on ``ReaderRequest`` says, once more: done, or late, or nothing.
    @Test func `a request is done in its phases, is late behind them where it can be, and nowhere else`() throws {
        typealias Phase = ReaderRequest.Phase
        let done: [ReaderRequest.Kind: Set<Phase>] = [
            .accept: [.opening], .start: [.accepted], .attach: [.live, .draining, .emptying, .closing],
            .end: [.opening, .accepted, .live, .draining], .drained: [.draining], .counted: [.emptying], .stored: [.closing],
            .key: [.opening, .accepted, .live, .draining, .emptying, .closing],
        ]
        let late: [ReaderRequest.Kind: Set<Phase>] = [
            .accept: [.draining, .emptying, .closing, .over], .start: [.draining, .emptying, .closing, .over],
            .end: [.emptying, .closing, .over], .drained: [.emptying, .closing, .over], .counted: [.closing, .over],
        ]
        for request in Self.requests {
            for phase in Phase.allCases {
                var table = RequestTable()
                if done[request.kind]?.contains(phase) == true {
                    #expect(try table.judge(request.bytes, in: phase) == .perform(request))
                } else if late[request.kind]?.contains(phase) == true {
                    #expect(try table.judge(request.bytes, in: phase) == .late)
                } else {
                    #expect(throws: ReaderRequest.Violation.outOfPhase(request.kind, phase)) { try table.judge(request.bytes, in: phase) }
                }
            }
        }
    }

    @Test(arguments: requests) func `what a session needs once is taken once`(request: ReaderRequest) throws {
        let phases: [ReaderRequest.Kind: ReaderRequest.Phase] = [
            .accept: .opening, .start: .accepted, .attach: .live, .end: .live, .drained: .draining, .counted: .emptying, .stored: .closing,
            .key: .live,
        ]
        let phase = try #require(phases[request.kind])
        var table = RequestTable()
        let most = [.attach, .key].contains(request.kind) ? 100_000 : 1
        for _ in 0..<most { _ = try table.judge(request.bytes, in: phase) }
        #expect(throws: ReaderRequest.Violation.tooOften(request.kind)) { try table.judge(request.bytes, in: phase) }
    }
}
