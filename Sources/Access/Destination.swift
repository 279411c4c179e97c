// SPDX-License-Identifier: Apache-2.0
// SECURITY: where a session may be forwarded to, in one spelling only: what an approver reads is what the node dials.

/// A host and a TCP port, as the node sees them: `db.internal:5432`, `127.0.0.1:8080`, `[::1]:443`.
package struct Destination: Sendable, Hashable, CustomStringConvertible {
    package enum Host: Sendable, Hashable {
        /// Lower case, without a dot at the end; resolved on the node.
        case name(String)
        case address(NetworkAddress)
    }

    package let host: Host
    package let port: UInt16

    /// Of a DNS name (RFC 1035, 2.3.4).
    private static let maximumName = 253
    /// Bytes of ``description`` at most.
    static let maximumLength = maximumName + 6

    /// The node's own SSH server, which the capability `ssh` means.
    package static let sshServer = Destination(host: .address(.loopback), port: 22)

    private init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// - Throws: ``Refusal/destinationMalformed(_:)``, or ``Refusal/destinationForbidden(_:reason:)`` for an address that
    ///   nobody may be forwarded to.
    package init(_ text: String) throws(Refusal) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let port = Self.port(text[text.utf8.index(after: colon)...].utf8),
            let host = Self.host(String(text[..<colon]))
        else { throw .destinationMalformed(text) }
        if case .address(let address) = host, let reason = address.prohibition {
            throw .destinationForbidden(text, reason: reason)
        }
        self.init(host: host, port: port)
    }

    package var description: String { "\(hostText):\(port)" }

    /// As a resolver takes it.
    package var hostName: String {
        switch host {
        case .name(let name): name
        case .address(let address): address.description
        }
    }

    private var hostText: String {
        if case .address(let address) = host, address.isSix { "[\(address)]" } else { hostName }
    }

    /// Whether the policy means the node itself by it.
    package var isOfNodeItself: Bool {
        switch host {
        case .name(let name): name == "localhost"
        case .address(let address): address.isLoopback
        }
    }

    /// What a resolver made of it may be dialled.
    ///
    /// - Returns: why not; `nil` where it may. A name that leads to the node itself must say so.
    package func refusal(of address: NetworkAddress) -> String? {
        if let reason = address.prohibition { return reason }
        if address.isLoopback, !isOfNodeItself { return "it is the node itself, and was not asked for as that" }
        return nil
    }

    private static func port(_ digits: Substring.UTF8View) -> UInt16? {
        guard (1...5).contains(digits.count), digits.first != UInt8(ascii: "0"), digits.allSatisfy(isDigit) else { return nil }
        return UInt16(String(Substring(digits)))
    }

    private static func host(_ text: String) -> Host? {
        if text.utf8.first == UInt8(ascii: "["), text.utf8.last == UInt8(ascii: "]") {
            return NetworkAddress(canonical: String(text.dropFirst().dropLast())).flatMap { $0.isSix ? .address($0) : nil }
        }
        if let address = NetworkAddress(canonical: text) { return address.isSix ? nil : .address(address) }
        return isName(text) ? .name(text) : nil
    }

    /// A name whose last part is a number is one more way to write an address (`127.1`, `0x7f000001`), so it is none.
    private static func isName(_ text: String) -> Bool {
        guard (1...maximumName).contains(text.utf8.count) else { return false }
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let last = labels.last, !last.allSatisfy(isDigit), !Substring(last).hasPrefix("0x") else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
