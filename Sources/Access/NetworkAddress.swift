// SPDX-License-Identifier: Apache-2.0
// SECURITY: which addresses a session may never be forwarded to, whatever the policy says. An address is judged by its
// bytes; a text has one spelling only, so nothing that reads texts otherwise than we do is led elsewhere.

/// An IPv4 or IPv6 address.
package struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16, in network order.
    package let bytes: [UInt8]

    package static let loopback = NetworkAddress([127, 0, 0, 1])

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// - Returns: `nil` unless there are 4 or 16 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads the one spelling: four decimal numbers without leading zeros, or RFC 5952 without brackets and scope.
    package init?(canonical text: String) {
        let utf8 = Array(text.utf8)
        guard let bytes = utf8.contains(UInt8(ascii: ":")) ? Self.parseSix(utf8) : Self.parseFour(utf8) else { return nil }
        self.bytes = bytes
        guard description.utf8.elementsEqual(utf8) else { return nil }
    }

    package var isSix: Bool { bytes.count == 16 }

    package var description: String {
        guard isSix else { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = Self.groups(of: bytes)
        // RFC 5952, 4.2: the longest run of two zeros or more, the first of several.
        var best = 0..<0
        var start: Int?
        for index in 0...groups.count {
            if index < groups.count, groups[index] == 0 {
                start = start ?? index
            } else if let first = start {
                if index - first > max(best.count, 1) { best = first..<index }
                start = nil
            }
        }
        let texts = groups.map { String($0, radix: 16) }
        guard !best.isEmpty else { return texts.joined(separator: ":") }
        return texts[..<best.lowerBound].joined(separator: ":") + "::" + texts[best.upperBound...].joined(separator: ":")
    }

    package var isLoopback: Bool {
        isSix ? bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1 : bytes[0] == 127
    }

    /// Why nobody may be forwarded there; `nil` where it is for the policy to say.
    package var prohibition: String? {
        isLoopback ? nil : Self.prohibited.first { $0.contains(bytes) }?.reason
    }

    private struct Range {
        let prefix: [UInt8]
        let length: Int
        let family: Int
        let reason: String

        func contains(_ bytes: [UInt8]) -> Bool {
            guard bytes.count == family else { return false }
            let whole = length / 8
            guard bytes.prefix(whole).elementsEqual(prefix.prefix(whole)) else { return false }
            let rest = length % 8
            return rest == 0 || (bytes[whole] ^ prefix[whole]) >> UInt8(8 - rest) == 0
        }

        static func four(_ prefix: [UInt8], _ length: Int, _ reason: String) -> Range {
            Range(prefix: prefix, length: length, family: 4, reason: reason)
        }

        static func six(_ prefix: [UInt8], _ length: Int, _ reason: String) -> Range {
            Range(prefix: prefix, length: length, family: 16, reason: reason)
        }
    }

    private static let secrets = "a cloud gives a machine's secrets there"
    private static let embedding = "it stands for another address"

    /// Of the registries RFC 6890 names, and where clouds answer machines: RFC 3927 and 4291 (link-local), Azure, Alibaba,
    /// Oracle, and Amazon's addresses for IPv6.
    private static let prohibited: [Range] = [
        .four([0], 8, "it is no address of one machine"),
        .four([169, 254], 16, "it is link-local"),
        .four([224], 4, "it is a multicast address"),
        .four([240], 4, "it is reserved"),
        .four([168, 63, 129, 16], 32, secrets), .four([100, 100, 100, 200], 32, secrets), .four([192, 0, 0], 24, secrets),
        .six([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 96, embedding),
        .six([0, 0x64, 0xff, 0x9b], 32, embedding), .six([0x20, 0x02], 16, embedding), .six([0x20, 0x01, 0, 0], 32, embedding),
        .six([0xfe, 0x80], 10, "it is link-local"), .six([0xfe, 0xc0], 10, "it is site-local"),
        .six([0xff], 8, "it is a multicast address"),
        .six([0xfd, 0, 0x0e, 0xc2], 32, secrets),
        .six([UInt8](repeating: 0, count: 16), 128, "it is no address of one machine"),
        // What is left of ::/96 but ::1 is an old way to write IPv4 addresses.
        .six([UInt8](repeating: 0, count: 12), 96, embedding),
    ]

    private static func groups(of bytes: [UInt8]) -> [UInt16] {
        stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    }

    private static func parseFour(_ text: [UInt8]) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let bytes = parts.compactMap { number($0, base: 10, digits: 3).flatMap { UInt8(exactly: $0) } }
        return bytes.count == 4 ? bytes : nil
    }

    private static func parseSix(_ text: [UInt8]) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map { Array($0) }
        guard (3...9).contains(parts.count) else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                // The two empty parts of a `::` at an end are one gap.
                if index == 0 || index == parts.count - 1 { continue }
                guard gap == nil else { return nil }
                gap = groups.count
            } else {
                guard let group = number(part[...], base: 16, digits: 4) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: group))
            }
        }
        guard gap == nil ? groups.count == 8 : groups.count < 8 else { return nil }
        if let gap { groups.insert(contentsOf: [UInt16](repeating: 0, count: 8 - groups.count), at: gap) }
        return groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
    }

    private static func number(_ text: ArraySlice<UInt8>, base: Int, digits: Int) -> Int? {
        guard (1...digits).contains(text.count) else { return nil }
        var value = 0
        for byte in text {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < base else { return nil }
            value = value * base + digit
        }
        return value
    }
}
