// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Where to connect to or to listen: a host (address literal or name) and a TCP port.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 or IPv6 literal without brackets, or a name.
    package let host: String
    package let port: UInt16

    /// Parses `127.0.0.1:7420`, `[::1]:7420` or `name:7420`.
    package init(_ text: String) throws(TransportError) {
        func refuse(_ reason: String) -> TransportError { .badEndpoint(text, reason: reason) }
        let bytes = Array(text.utf8)
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { throw refuse("it has no port") }
        guard let port = Self.port(bytes[(colon + 1)...]) else { throw refuse("its port is not a number from 0 to 65535") }
        var host = bytes[..<colon]
        let bracketed = host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]") && host.count > 2
        if bracketed { host = host.dropFirst().dropLast() }
        let name = String(decoding: host, as: UTF8.self)
        if bracketed || host.contains(UInt8(ascii: ":")) {
            guard bracketed else { throw refuse("an IPv6 address needs brackets before its port") }
            guard Self.isLiteral(name, family: AF_INET6) else { throw refuse("what is in brackets is not an IPv6 address") }
        } else {
            guard Self.isLiteral(name, family: AF_INET) || Self.isName(host) else {
                throw refuse("its host is neither an address nor a name")
            }
        }
        self.init(host: name, port: port)
    }

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    private static func port(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return UInt16(exactly: value)
    }

    private static func isLiteral(_ text: String, family: Int32) -> Bool {
        guard !text.utf8.contains(0) else { return false }
        var address = in6_addr()
        return inet_pton(family, text, &address) == 1
    }

    /// Letters, digits, `-`, `_` and dots; the last label must not be a number, or resolvers would read
    /// `127.1` and `0x7f000001` as addresses.
    private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard (1...253).contains(bytes.count) else { return false }
        let labels = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let last = labels.last, last.first.map(isLetter) == true else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
