// SPDX-License-Identifier: Apache-2.0

/// The headers of a message: names compare without regard to ASCII case, and no name occurs twice.
package struct HTTPHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    private struct Field: Sendable, Equatable {
        let name: String
        let value: String
    }

    private var stored: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { self[name] = value }
    }

    package var fields: [(name: String, value: String)] { stored.map { ($0.name, $0.value) } }
    package var count: Int { stored.count }

    package subscript(_ name: String) -> String? {
        get { stored.first { Self.isSame($0.name, name) }?.value }
        set {
            let index = stored.firstIndex { Self.isSame($0.name, name) }
            switch (index, newValue) {
            case (let index?, let value?): stored[index] = Field(name: stored[index].name, value: value)
            case (let index?, nil): stored.remove(at: index)
            case (nil, let value?): stored.append(Field(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// Whether a comma-separated header names this token, without regard to ASCII case.
    func contains(_ token: String, in name: String) -> Bool {
        guard let value = self[name] else { return false }
        return value.utf8.split(separator: UInt8(ascii: ",")).contains { part in
            let trimmed = part.drop { $0 == 32 || $0 == 9 }
            let length = trimmed.count - trimmed.reversed().prefix { $0 == 32 || $0 == 9 }.count
            return Self.isSame(trimmed.prefix(length), token.utf8)
        }
    }

    private static func isSame(_ one: String, _ other: String) -> Bool { isSame(one.utf8, other.utf8) }

    private static func isSame(_ one: some Sequence<UInt8>, _ other: some Sequence<UInt8>) -> Bool {
        one.elementsEqual(other) { lowercased($0) == lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}

package struct HTTPRequest: Sendable {
    /// Upper-case letters.
    package var method: String
    /// Starts with `/`; percent-decoded.
    package var path: String
    /// Percent-decoded, in their order. A name may occur more than once.
    package var query: [(name: String, value: String)]
    package var headers: HTTPHeaders
    package var body: [UInt8]

    package init(
        method: String = "GET", path: String, query: [(name: String, value: String)] = [],
        headers: HTTPHeaders = [:], body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }
}

package struct HTTPResponse: Sendable, Equatable {
    package var status: Int
    package var headers: HTTPHeaders
    package var body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// Who is at the other end of a connection.
package struct Peer: Sendable, Hashable {
    /// The Ed25519 public key it proved to hold or to stand in for, 32 raw bytes.
    package let key: [UInt8]
    /// Its network address without the port: for records, never for decisions.
    package let address: String
    /// Where it holds a key that stands in for ``key``: when that is good. The times are not judged yet.
    package let delegation: DelegatedTime?

    package init(key: [UInt8], address: String, delegation: DelegatedTime? = nil) {
        self.key = key
        self.address = address
        self.delegation = delegation
    }
}
