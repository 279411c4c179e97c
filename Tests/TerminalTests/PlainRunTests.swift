// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Terminal

@Suite struct PlainRunTests {
    /// Every byte at every place of a block, behind plain text and before the same byte again.
    @Test func `a run ends at the same byte whether it is looked at alone or with others`() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<20 {
                var text = [UInt8](repeating: UInt8(ascii: "a"), count: 37)
                text[place] = byte
                text[place + 9] = byte
                text.withUnsafeBytes { bytes in
                    for start in [0, 3] {
                        #expect(
                            PlainRun.endOfPrintable(in: bytes, from: start)
                                == first(in: bytes, from: start) { $0 < 0x20 || $0 > 0x7E })
                        #expect(
                            PlainRun.endOfString(in: bytes, from: start)
                                == first(in: bytes, from: start) { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C })
                        #expect(
                            PlainRun.endOfText(in: bytes, from: start) == first(in: bytes, from: start) { $0 == 0x1B || $0 >= 0xC0 })
                    }
                }
            }
        }
    }

    @Test func `every pair of neighbours ends a run where it should`() {
        // What one byte borrows from the next one must not hide or invent an end.
        for lower in UInt8.min...UInt8.max {
            for upper in stride(from: UInt8(0), through: 250, by: 5) {
                let text: [UInt8] = [0x61, 0x61, 0x61, lower, upper, 0x61, 0x61, 0x61]
                text.withUnsafeBytes { bytes in
                    #expect(PlainRun.endOfPrintable(in: bytes, from: 0) == first(in: bytes, from: 0) { $0 < 0x20 || $0 > 0x7E })
                    #expect(
                        PlainRun.endOfString(in: bytes, from: 0) == first(in: bytes, from: 0) { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C })
                    #expect(PlainRun.endOfText(in: bytes, from: 0) == first(in: bytes, from: 0) { $0 == 0x1B || $0 >= 0xC0 })
                }
            }
        }
    }

    private func first(in bytes: UnsafeRawBufferPointer, from start: Int, _ ends: (UInt8) -> Bool) -> Int {
        bytes[start...].firstIndex(where: ends) ?? bytes.count
    }
}
