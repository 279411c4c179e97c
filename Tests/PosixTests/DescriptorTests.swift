// SPDX-License-Identifier: Apache-2.0
import Glibc
import Posix
import Testing

struct DescriptorTests {
    @Test func `bytes written to a pipe are read from it, and then the end`() throws {
        let pipe = try Pipe()
        try pipe.writer.writeAll(Array("hello".utf8))
        #expect(try pipe.reader.read(maximum: 100) == Array("hello".utf8))
        let reader = try pipe.reader.duplicate()
        pipe.take { _, _ in }
        #expect(try reader.read(maximum: 100) == [])
    }

    @Test func `every descriptor made here is close-on-exec`() throws {
        let pipe = try Pipe()
        let sockets = try SocketPair()
        let copy = try pipe.reader.duplicate()
        let counter = try EventCounter()
        let timer = try DeadlineTimer()
        let numbers = [
            pipe.reader.number, pipe.writer.number, sockets.first.number, sockets.second.number, copy.number,
            counter.number, timer.number,
        ]
        #expect(numbers.allSatisfy { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 })
    }

    @Test func `a non-blocking read with nothing there says so`() throws {
        let pipe = try Pipe()
        try pipe.reader.setNonBlocking()
        let error = #expect(throws: SystemError.self) { _ = try pipe.reader.read(maximum: 1) }
        #expect(error?.wouldBlock == true)
    }

    @Test func `writing everything waits for room in a full non-blocking pipe`() throws {
        let pipe = try Pipe()
        try pipe.writer.setNonBlocking()
        let size = 300_000
        let reader = try pipe.reader.duplicate()
        let received = EventCounterTests.Box(0)
        let done = try EventCounter()
        let number = reader.release()
        try Thread.start("reader") {
            let reader = OwnedDescriptor(owning: number)
            var total = 0
            while total < size, let piece = try? reader.read(maximum: 65536), !piece.isEmpty { total += piece.count }
            received.value = total
            done.signal()
        }
        try pipe.writer.writeAll([UInt8](repeating: 7, count: size))
        var entries = [PollEntry(done.number, .input)]
        #expect(try Poll.wait(&entries, timeout: .seconds(5)) == 1)
        #expect(received.value == size)
    }

    @Test func `reading to the end accepts the limit and refuses one byte more`() throws {
        for (size, expected) in [(1000, "accepted"), (1001, "system.too-large")] {
            let pipe = try Pipe()
            try pipe.writer.writeAll([UInt8](repeating: 1, count: size))
            let reader = try pipe.reader.duplicate()
            pipe.take { _, _ in }
            #expect(refusal { () throws(SystemError) in _ = try reader.readToEnd(maximum: 1000) } == expected)
        }
    }
}

struct PollTests {
    @Test func `a wait reports readable entries and skips negative numbers`() throws {
        let pipe = try Pipe()
        try pipe.writer.writeAll([1])
        var entries = [PollEntry(-1, .input), PollEntry(pipe.reader.number, .input)]
        #expect(try Poll.wait(&entries, timeout: nil) == 1)
        #expect(entries[0].found.isEmpty)
        #expect(entries[1].isReadable)
    }

    @Test func `a wait with nothing to report ends with its time`() throws {
        let pipe = try Pipe()
        var entries = [PollEntry(pipe.reader.number, .input)]
        let start = ContinuousClock.now
        #expect(try Poll.wait(&entries, timeout: .milliseconds(20)) == 0)
        #expect(start.duration(to: .now) >= .milliseconds(20))
        #expect(try Poll.wait(&entries, timeout: .seconds(-5)) == 0)
    }

    @Test func `a hang-up counts as a reason to read`() throws {
        let pipe = try Pipe()
        let reader = try pipe.reader.duplicate()
        pipe.take { _, _ in }
        var entries = [PollEntry(reader.number, [])]
        #expect(try Poll.wait(&entries, timeout: .seconds(1)) == 1)
        #expect(entries[0].isReadable)
    }
}

struct EventQueueTests {
    @Test func `events carry the token of their descriptor until it is removed`() throws {
        let queue = try EventQueue()
        let sockets = try SocketPair()
        try queue.add(sockets.second.number, [.input, .endOfInput], token: UInt64.max - 1)
        try sockets.first.writeAll([1])
        var events: [EventQueue.Event] = []
        try queue.wait(&events, timeout: .seconds(1))
        #expect(events.map(\.token) == [UInt64.max - 1])
        #expect(events[0].found == .input)
        try queue.change(sockets.second.number, [.output], token: 5)
        try queue.wait(&events, timeout: .seconds(1))
        #expect(events.map(\.token) == [5])
        try queue.remove(sockets.second.number)
        try queue.wait(&events, timeout: .zero)
        #expect(events.isEmpty)
    }

    @Test func `a descriptor cannot be added twice`() throws {
        let queue = try EventQueue()
        let sockets = try SocketPair()
        try queue.add(sockets.first.number, .input, token: 1)
        #expect(throws: SystemError(call: "epoll_ctl", errno: EEXIST)) {
            try queue.add(sockets.first.number, .input, token: 2)
        }
    }

    @Test func `a timer is readable at its instant and not before`() throws {
        let timer = try DeadlineTimer()
        let deadline = BootInstant.now + .milliseconds(30)
        try timer.set(deadline)
        let early = timer.takeExpiry()
        #expect(!early)
        var entries = [PollEntry(timer.number, .input)]
        #expect(try Poll.wait(&entries, timeout: .seconds(2)) == 1)
        #expect(BootInstant.now >= deadline)
        let expiries = [timer.takeExpiry(), timer.takeExpiry()]
        #expect(expiries == [true, false])
    }

    @Test func `an instant in the past fires at once and a disarmed timer never`() throws {
        let timer = try DeadlineTimer()
        var entries = [PollEntry(timer.number, .input)]
        try timer.set(.now - .seconds(100_000_000))
        #expect(try Poll.wait(&entries, timeout: .seconds(1)) == 1)
        try timer.set(nil)
        #expect(try Poll.wait(&entries, timeout: .zero) == 0)
    }
}

struct EventCounterTests {
    /// A value handed from one thread to another, ordered by an `EventCounter`.
    final class Box: @unchecked Sendable {
        var value: Int
        init(_ value: Int) { self.value = value }
    }

    @Test func `a signal from another thread ends a wait and clear makes it quiet`() throws {
        let counter = try EventCounter()
        try Thread.start("signaller") { counter.signal() }
        var entries = [PollEntry(counter.number, .input)]
        #expect(try Poll.wait(&entries, timeout: .seconds(5)) == 1)
        counter.clear()
        #expect(try Poll.wait(&entries, timeout: .zero) == 0)
    }

    @Test func `a thread has its name`() throws {
        let counter = try EventCounter()
        let matches = Box(0)
        try Thread.start("stint-test-long-name") {
            let bytes = try? DurableFile.readKernelFile("/proc/thread-self/comm", maximumBytes: 64)
            matches.value = bytes == Array("stint-test-long\n".utf8) ? 1 : 0
            counter.signal()
        }
        var entries = [PollEntry(counter.number, .input)]
        #expect(try Poll.wait(&entries, timeout: .seconds(5)) == 1)
        #expect(matches.value == 1)
    }
}

struct ClockTests {
    @Test func `nanoseconds since boot and instants are the same clock`() throws {
        let nanoseconds = BootInstant.now.nanoseconds
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        let kernel = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        #expect(nanoseconds <= kernel && kernel <= BootClock.now)
    }

    @Test func `an instant is a length of time from another`() {
        let instant = BootInstant(nanoseconds: 5_000_000_000)
        #expect(instant + .milliseconds(1) == BootInstant(nanoseconds: 5_001_000_000))
        #expect(instant - .seconds(7) == BootInstant(nanoseconds: -2_000_000_000))
        #expect(instant.advanced(by: .nanoseconds(-1)) < instant)
        #expect(instant - BootInstant(nanoseconds: 4_999_999_999) == .nanoseconds(1))
        #expect(instant.duration(to: BootInstant(nanoseconds: 4_000_000_000)) == .seconds(-1))
    }

    @Test func `an instant or length beyond the range of nanoseconds is clamped`() {
        let (first, last) = (BootInstant(nanoseconds: .min), BootInstant(nanoseconds: .max))
        #expect(BootInstant.now + .seconds(Int64(1) << 40) == last)
        #expect(BootInstant(nanoseconds: -1) - .seconds(Int64(1) << 40) == first)
        #expect(last - first == .nanoseconds(Int64.max))
        #expect(first - last == .nanoseconds(Int64.min))
    }

    @Test func `the boot has a UUID`() throws {
        let id = try BootClock.bootID()
        #expect(id.utf8.count == 36)
        #expect(id == (try BootClock.bootID()))
    }
}
