// SPDX-License-Identifier: Apache-2.0
// SECURITY: one reading of every message, or none. Whatever two HTTP implementations could read differently is
// refused: the length of a body has exactly one source, and a line has exactly one end.

/// Parses the heads of HTTP/1.1 messages from bytes (RFC 9112), strictly.
package struct HTTPParser: Sendable {
    /// A request without its body.
    package struct RequestHead: Sendable {
        package let request: HTTPRequest
        package let bodyLength: Int
        /// Bytes of the head, with its blank line.
        package let byteCount: Int
    }

    /// A response without its body.
    package struct ResponseHead: Sendable {
        package let response: HTTPResponse
        package let bodyLength: Int
        package let byteCount: Int
    }

    private let limits: TransportLimits

    package init(limits: TransportLimits = TransportLimits()) {
        self.limits = limits
    }

    /// The head at the start of `bytes`, or nil when it is not complete yet.
    package func requestHead(in bytes: UnsafeRawBufferPointer) throws(HTTPError) -> RequestHead? {
        guard let lines = try headLines(in: bytes) else { return nil }
        let parts = lines.first.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, (1...16).contains(parts[0].count), parts[0].allSatisfy(HTTPSyntax.isUpperCase) else {
            throw .badRequestLine
        }
        guard parts[2].elementsEqual("HTTP/1.1".utf8) else {
            throw parts[2].starts(with: "HTTP/".utf8) ? .unsupportedVersion : .badRequestLine
        }
        let target = try HTTPTarget(parsing: parts[1])
        let headers = try headers(lines.rest)
        guard let host = headers["Host"] else { throw .missingHost }
        guard HTTPSyntax.isHost(host) else { throw .badHost }
        guard headers["Expect"] == nil else { throw .expectation }
        let length = try bodyLength(headers, limit: limits.requestBody) ?? 0
        let method = String(decoding: parts[0], as: UTF8.self)
        let request = HTTPRequest(method: method, path: target.path, query: target.query, headers: headers)
        return RequestHead(request: request, bodyLength: length, byteCount: lines.byteCount)
    }

    /// The head at the start of `bytes`, or nil when it is not complete yet.
    ///
    /// - Parameter method: of the request this answers; a response to HEAD has no body.
    package func responseHead(
        in bytes: UnsafeRawBufferPointer, to method: String
    ) throws(HTTPError) -> ResponseHead? {
        guard let lines = try headLines(in: bytes) else { return nil }
        let line = lines.first
        guard line.starts(with: "HTTP/1.1 ".utf8) else {
            throw line.starts(with: "HTTP/".utf8) ? .unsupportedVersion : .badStatusLine
        }
        let digits = line.dropFirst(9).prefix(3)
        let reason = line.dropFirst(12)
        guard digits.count == 3, let status = HTTPSyntax.number(digits), status == 101 || (200...599).contains(status),
            reason.isEmpty || reason.first == UInt8(ascii: " "), reason.allSatisfy(HTTPSyntax.isFieldByte)
        else { throw .badStatusLine }
        let headers = try headers(lines.rest)
        let announced = try bodyLength(headers, limit: limits.responseBody)
        let isBodiless = status < 200 || status == 204 || status == 304 || method == "HEAD"
        // A body that ends with the connection is not accepted: truncation would go unnoticed.
        guard isBodiless || announced != nil else { throw .badLength }
        let response = HTTPResponse(status: status, headers: headers)
        return ResponseHead(response: response, bodyLength: isBodiless ? 0 : announced ?? 0, byteCount: lines.byteCount)
    }

    private struct Lines {
        let first: ArraySlice<UInt8>
        let rest: [ArraySlice<UInt8>]
        let byteCount: Int
    }

    private func headLines(in bytes: UnsafeRawBufferPointer) throws(HTTPError) -> Lines? {
        let window = Array(bytes.prefix(limits.head))
        var lines: [ArraySlice<UInt8>] = []
        var rest = window[...]
        while let end = rest.firstIndex(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
            guard end + 1 < rest.endIndex || rest[end] != 0x0D else { break }  // half of a line end
            guard rest[end] == 0x0D, rest[end + 1] == 0x0A else { throw .badLineEnd }
            let line = rest[..<end]
            rest = rest[(end + 2)...]
            if line.isEmpty {
                guard let first = lines.first else { throw .badLineEnd }
                return Lines(first: first, rest: Array(lines.dropFirst()), byteCount: rest.startIndex)
            }
            lines.append(line)
            guard lines.count <= limits.headers + 1 else { throw .tooManyHeaders(limit: limits.headers) }
        }
        guard bytes.count < limits.head else { throw .headTooLarge(limit: limits.head) }
        return nil
    }

    private func headers(_ lines: [ArraySlice<UInt8>]) throws(HTTPError) -> HTTPHeaders {
        var headers = HTTPHeaders()
        for line in lines {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw .badHeader }
            let rawName = line[..<colon]
            // A folded line begins with a space, and a name ends at its colon: neither space is a token character.
            guard !rawName.isEmpty, rawName.allSatisfy(HTTPSyntax.isTokenByte) else { throw .badHeader }
            let value = HTTPSyntax.trimmed(line[(colon + 1)...])
            guard value.allSatisfy(HTTPSyntax.isFieldByte) else { throw .badHeader }
            let name = String(decoding: rawName, as: UTF8.self)
            guard headers[name] == nil else { throw .duplicateHeader(name) }
            headers[name] = String(decoding: value, as: UTF8.self)
        }
        return headers
    }

    private func bodyLength(_ headers: HTTPHeaders, limit: Int) throws(HTTPError) -> Int? {
        guard headers["Transfer-Encoding"] == nil else { throw .transferEncoding }
        guard let text = headers["Content-Length"] else { return nil }
        let digits = Array(text.utf8)[...]
        guard digits.first != UInt8(ascii: "0") || digits.count == 1 else { throw .badLength }
        guard !digits.isEmpty, digits.allSatisfy(HTTPSyntax.isDigit) else { throw .badLength }
        guard let length = HTTPSyntax.number(digits), length <= limit else { throw .bodyTooLarge(limit: limit) }
        return length
    }
}

/// The classes of bytes in HTTP (RFC 9110 §5.6.2).
enum HTTPSyntax {
    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    static func isUpperCase(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
    static func isLetter(_ byte: UInt8) -> Bool { isUpperCase(byte & ~0x20) && byte >= 0x41 && byte < 0x80 }
    /// Printable ASCII, space and tab: bytes above 0x7F have no agreed meaning.
    static func isFieldByte(_ byte: UInt8) -> Bool { (0x20...0x7E).contains(byte) || byte == 0x09 }

    static func isTokenByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    static func isHost(_ text: String) -> Bool {
        (1...300).contains(text.utf8.count)
            && text.utf8.allSatisfy { isLetter($0) || isDigit($0) || "-._:[]".utf8.contains($0) }
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let start = bytes.drop { $0 == 0x20 || $0 == 0x09 }
        guard let last = start.lastIndex(where: { $0 != 0x20 && $0 != 0x09 }) else { return [] }
        return start[...last]
    }

    /// A decimal number of digits only, or nil also when it does not fit.
    static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for digit in digits {
            guard isDigit(digit) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digit) - 0x30)
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }
}
