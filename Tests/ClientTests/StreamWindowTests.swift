// SPDX-License-Identifier: Apache-2.0

import Posix
import Protocol
import Testing

@testable import Client

@Suite struct StreamWindowTests {
    @Test func `credit comes back only for what was sent, and never backwards`() throws {
        var window = SendingWindow(window: 100)
        window.send(60)
        #expect(window.available == 40)
        try window.credit(to: 50)
        #expect(window.available == 90)
        #expect(throws: SessionFault.self) { try window.credit(to: 49) }
        #expect(throws: SessionFault.self) { try window.credit(to: 61) }
        try window.credit(to: 60)
        #expect(window.available == 100)
    }

    @Test func `output is accepted up to the window and not a byte more`() throws {
        var window = ReceivingWindow(window: 100)
        try window.receive(99, at: 0)
        try window.receive(1, at: 99)
        #expect(throws: SessionFault.self) { try window.receive(1, at: 100) }
    }

    @Test func `a gap and a repetition are refused`() throws {
        var window = ReceivingWindow(window: 100)
        try window.receive(10, at: 0)
        #expect(throws: SessionFault.self) { try window.receive(1, at: 11) }
        #expect(throws: SessionFault.self) { try window.receive(1, at: 9) }
        try window.receive(1, at: 10)
    }

    @Test func `credit is not taken back where more waits than counted as written before`() throws {
        var window = ReceivingWindow(window: 100)
        try window.receive(60, at: 0)
        #expect(window.credit(waiting: 0) == 60)
        try window.receive(40, at: 60)
        #expect(window.credit(waiting: 90) == nil)
        #expect(window.credit(waiting: 10) == 90)
    }

    @Test func `a terminal that takes much in a moment may have more on its way, a slow one and an idle one not`() {
        let start = BootInstant.now
        let step: UInt64 = 64 * 1024
        var fast = DrainPace()
        #expect(fast.bytesAhead(consumed: 0, isBehind: true, at: start) == 0)
        // 64 KiB in 2 ms are 800 KiB in 25.
        #expect(fast.bytesAhead(consumed: step, isBehind: true, at: start + .milliseconds(2)) == Limits.terminalAhead)
        #expect(fast.bytesAhead(consumed: step + 1, isBehind: true, at: start + .seconds(9)) == Limits.terminalAhead)
        // Of 64 KiB in 10 ms, 160 KiB in 25, 112 are on their way in any case.
        #expect(fast.bytesAhead(consumed: 2 * step, isBehind: true, at: start + .milliseconds(12)) == 48 * 1024)
        #expect(fast.bytesAhead(consumed: 3 * step, isBehind: true, at: start + .milliseconds(27)) == 0)
        #expect(fast.bytesAhead(consumed: 9 * step, isBehind: false, at: start + .milliseconds(26)) == 0)
    }

    @Test func `credit is given for a quarter of the window that was written, not for what waits`() throws {
        var window = ReceivingWindow(window: 100)
        try window.receive(50, at: 0)
        #expect(window.credit(waiting: 26) == nil)
        #expect(window.credit(waiting: 25) == 25)
        #expect(window.credit(waiting: 25) == nil)
        #expect(window.credit(waiting: 0) == 50)
        try window.receive(100, at: 50)
    }

    @Test func `a sender that has room is told of half a window at once`() throws {
        var window = ReceivingWindow(window: 100)
        try window.receive(49, at: 0)
        #expect(window.credit(waiting: 0, isAhead: true) == nil)
        try window.receive(1, at: 49)
        #expect(window.credit(waiting: 0, isAhead: true) == 50)
    }

    @Test func `output that is here already is told apart when a session goes on`() throws {
        var window = ReceivingWindow(window: 100)
        try window.receive(10, at: 0)
        try window.resume(at: 4)
        #expect(try window.receive(3, at: 4) == 3)
        #expect(try window.receive(5, at: 7) == 3)
        #expect(window.received == 12)
        #expect(throws: SessionFault.self) { try window.resume(at: 13) }
        #expect(throws: SessionFault.self) { try window.receive(1, at: 4) }
    }

    @Test func `input is kept until it is acknowledged, and sent again from where the node says`() throws {
        var kept = KeptInput()
        kept.append([1, 2, 3, 4])
        kept.drop(before: 2)
        #expect(try kept.bytes(from: 2) == [3, 4])
        #expect(try kept.bytes(from: 4) == [])
        #expect(throws: SessionFault.self) { try kept.bytes(from: 1) }
        #expect(throws: SessionFault.self) { try kept.bytes(from: 5) }
    }

    @Test func `what is kept of a long input is always what the node has not`() throws {
        var generator = SystemRandomNumberGenerator()
        var (kept, start, model) = (KeptInput(start: 7), UInt64(7), [UInt8]())
        for _ in 0..<2000 {
            let more = (0..<Int.random(in: 0...50, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            kept.append(more)
            model += more
            let dropped = Int.random(in: 0...min(60, model.count), using: &generator)
            start += UInt64(dropped)
            model.removeFirst(dropped)
            kept.drop(before: start)
            let behind = Int.random(in: 0...model.count, using: &generator)
            #expect(try kept.bytes(from: start + UInt64(behind)) == Array(model[behind...]))
        }
        #expect(throws: SessionFault.self) { try kept.bytes(from: start - 1) }
        #expect(throws: SessionFault.self) { try kept.bytes(from: start + UInt64(model.count) + 1) }
    }
}
