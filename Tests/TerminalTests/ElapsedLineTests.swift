// SPDX-License-Identifier: Apache-2.0

import Posix
import Testing

@Suite struct ElapsedLineTests {
    @Test func `what is done is done once, and its answer or error comes through`() throws {
        var count = 0
        #expect(ElapsedLine.show("Counting") { count += 1; return count } == 1)
        #expect(throws: SystemError.self) { try ElapsedLine.show("Failing") { throw SystemError(call: "open", errno: 2) } }
    }
}
