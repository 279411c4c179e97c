// SPDX-License-Identifier: Apache-2.0

/// Decimal numbers of the kernel.
enum Decimal {
    /// Digits only: no sign, no space, no overflow.
    static func parse(_ digits: some Collection<UInt8>) -> UInt64? {
        guard !digits.isEmpty else { return nil }
        var number: UInt64 = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, tooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if tooLarge || overflow { return nil }
            number = sum
        }
        return number
    }
}
