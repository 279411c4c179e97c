// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Posix

@Suite struct EnvironmentMarkTests {
    /// Starts a program with these variables, lends its number once it runs, and ends it.
    private func answer(_ variables: [(name: String, value: String)], to mark: EnvironmentMark) throws -> EnvironmentMark.Answer {
        let input = try Pipe()
        let output = try Pipe()
        var request = SpawnRequest("/bin/cat", ["cat"], environment: variables)
        request.descriptors = [.descriptor(input.reader.number), .descriptor(output.writer.number), .null]
        request.newSession = true
        let child = try request.start()
        defer {
            // The test is over, and so is the program.
            try? child.signal(.kill)
            _ = try? child.wait()
        }
        // An exec that has happened is not yet one that /proc knows the variables of.
        try input.writer.writeAll([1])
        #expect(try output.reader.read(maximum: 1) == [1])
        var mark = mark
        return mark.look(at: child.pid)
    }

    private let mark = EnvironmentMark("STINT_MARK", "s-abcdef")

    @Test func `a variable is found wherever it stands, also behind a long environment`() throws {
        let long = String(repeating: "x", count: 100_000)
        #expect(try answer([("STINT_MARK", "s-abcdef")], to: mark) == .present)
        #expect(try answer([("A", "1"), ("STINT_MARK", "s-abcdef"), ("B", "2")], to: mark) == .present)
        #expect(try answer([("A", long), ("STINT_MARK", "s-abcdef")], to: mark) == .present)
    }

    @Test func `another value, a longer name and a part of a text are not the variable`() throws {
        #expect(try answer([], to: mark) == .absent)
        #expect(try answer([("STINT_MARK", "s-abcdeg")], to: mark) == .absent)
        #expect(try answer([("STINT_MARK", "s-abcdef2")], to: mark) == .absent)
        #expect(try answer([("NOT_STINT_MARK", "s-abcdef")], to: mark) == .absent)
        #expect(try answer([("A", "STINT_MARK=s-abcdef")], to: mark) == .absent)
    }

    @Test func `who is gone is told apart from who does not have it`() throws {
        var mark = mark
        #expect(mark.look(at: .max) == .gone)
    }
}
