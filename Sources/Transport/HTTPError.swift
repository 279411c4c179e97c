// SPDX-License-Identifier: Apache-2.0

/// What is wrong with an HTTP message. The connection it came on is not used again.
package enum HTTPError: Error, Equatable, Sendable {
    case headTooLarge(limit: Int)
    case tooManyHeaders(limit: Int)
    case bodyTooLarge(limit: Int)
    /// A line that ends with a line feed alone, or holds a carriage return or another control character.
    case badLineEnd
    case badRequestLine
    case badStatusLine
    case unsupportedVersion
    /// The target is not a path with strict percent encoding and an optional query.
    case badTarget
    /// A name with other than token characters, a space before the colon, a folded line, a control character.
    case badHeader
    case duplicateHeader(String)
    case missingHost
    case badHost
    case badLength
    case transferEncoding
    case expectation

    package var code: String {
        switch self {
        case .headTooLarge: "http.head-too-large"
        case .tooManyHeaders: "http.too-many-headers"
        case .bodyTooLarge: "http.body-too-large"
        case .badLineEnd: "http.bad-line-end"
        case .badRequestLine: "http.bad-request-line"
        case .badStatusLine: "http.bad-status-line"
        case .unsupportedVersion: "http.unsupported-version"
        case .badTarget: "http.bad-target"
        case .badHeader: "http.bad-header"
        case .duplicateHeader: "http.duplicate-header"
        case .missingHost: "http.missing-host"
        case .badHost: "http.bad-host"
        case .badLength: "http.bad-length"
        case .transferEncoding: "http.transfer-encoding"
        case .expectation: "http.expectation"
        }
    }

    package var message: String {
        switch self {
        case .headTooLarge(let limit): "The head of the message is longer than \(limit) bytes."
        case .tooManyHeaders(let limit): "The message has more than \(limit) headers."
        case .bodyTooLarge(let limit): "The body of the message is longer than \(limit) bytes."
        case .badLineEnd: "A line of the head does not end with carriage return and line feed."
        case .badRequestLine: "The request line is not METHOD TARGET HTTP/1.1."
        case .badStatusLine: "The status line is not HTTP/1.1 STATUS REASON."
        case .unsupportedVersion: "Only HTTP/1.1 is spoken here."
        case .badTarget: "The target is not a percent-encoded path with an optional query."
        case .badHeader: "A header is not NAME: VALUE in printable ASCII."
        case .duplicateHeader(let name): "The header \(name) appears twice."
        case .missingHost: "The Host header is missing."
        case .badHost: "The Host header does not name a host."
        case .badLength: "The Content-Length is not a plain decimal number."
        case .transferEncoding: "Transfer-Encoding is not accepted; send a Content-Length."
        case .expectation: "Expect is not accepted; send the body at once."
        }
    }

    /// The status of the answer to a request that is wrong in this way.
    var status: Int {
        switch self {
        case .headTooLarge, .tooManyHeaders: 431
        case .bodyTooLarge: 413
        case .unsupportedVersion: 505
        case .transferEncoding: 501
        case .expectation: 417
        case .badLineEnd, .badRequestLine, .badStatusLine, .badTarget, .badHeader, .duplicateHeader, .missingHost,
            .badHost, .badLength: 400
        }
    }
}
