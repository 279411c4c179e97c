// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transport

struct HTTPParserTests {
    @Test func `a request is read with its decoded path and query`() throws {
        let head = try #require(
            try request("POST /nodes/a%20b/%C3%A9?on=role%3Dweb&empty=&flag HTTP/1.1\r\nHost: b:1\r\nX-Some: \t v w \r\n\r\nrest"))
        #expect(head.request.method == "POST")
        #expect(head.request.path == "/nodes/a b/é")
        #expect(head.request.query.map(\.name) == ["on", "empty", "flag"])
        #expect(head.request.query.map(\.value) == ["role=web", "", ""])
        #expect(head.request.headers["x-sOME"] == "v w")
        #expect(head.bodyLength == 0)
    }

    @Test func `every proper prefix of a head is incomplete, and what follows is not part of it`() throws {
        let text = "GET /a?b=c HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\n"
        for length in 0..<text.utf8.count {
            #expect(try request(String(decoding: text.utf8.prefix(length), as: UTF8.self)) == nil)
        }
        #expect(try request(text + "GET / HTTP")?.byteCount == text.utf8.count)
        #expect(try request(text)?.bodyLength == 3)
    }

    @Test(arguments: [
        // Two readings of the body's length
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", HTTPError.transferEncoding),
        ("Transfer-Encoding: chunked", .transferEncoding), ("Transfer-Encoding: identity", .transferEncoding),
        ("transfer-encoding:", .transferEncoding),
        ("Content-Length: 3\r\nContent-Length: 3", .duplicateHeader("Content-Length")),
        ("Content-Length: 3\r\ncontent-length: 4", .duplicateHeader("content-length")),
        ("Content-Length: +5", .badLength), ("Content-Length: -0", .badLength), ("Content-Length: 5, 5", .badLength),
        ("Content-Length: 0x5", .badLength), ("Content-Length: 05", .badLength), ("Content-Length: 5 5", .badLength),
        ("Content-Length:", .badLength), ("Content-Length: 1e3", .badLength), ("Content-Length: 00", .badLength),
        ("Content-Length: 99999999999999999999999", .bodyTooLarge(limit: 262_144)),
        ("Content-Length: 262145", .bodyTooLarge(limit: 262_144)),
        // Two readings of where a header begins or ends
        ("X: a\r\n folded", .badHeader), ("X: a\r\n\tfolded", .badHeader), ("X : a", .badHeader), (" X: a", .badHeader),
        ("X\t: a", .badHeader), (": a", .badHeader), ("X", .badHeader), ("X(y): a", .badHeader), ("Ü: a", .badHeader),
        ("X: a\nY: b", .badLineEnd), ("X: a\rY: b", .badLineEnd), ("X: a\0b", .badLineEnd), ("X: \u{7F}", .badLineEnd),
        ("X: é", .badHeader), ("X: a\r\r\nY: b", .badLineEnd),
        // Others
        ("Host: other", .duplicateHeader("Host")), ("X: 1\r\nx: 2", .duplicateHeader("x")),
        ("Expect: 100-continue", .expectation),
    ])
    func `a header with two readings is refused`(line: String, error: HTTPError) {
        #expect(throws: error) { try request("POST / HTTP/1.1\r\nHost: b\r\n\(line)\r\n\r\n") }
    }

    @Test(arguments: [
        ("GET  / HTTP/1.1", HTTPError.badRequestLine), ("GET /", .badRequestLine), ("get / HTTP/1.1", .badRequestLine),
        (" GET / HTTP/1.1", .badRequestLine), ("GET / HTTP/1.1 ", .badRequestLine), ("GET\t/ HTTP/1.1", .badRequestLine),
        ("G\0T / HTTP/1.1", .badLineEnd), ("", .badLineEnd), ("/ HTTP/1.1", .badRequestLine),
        ("GET / HTTP/1.0", .unsupportedVersion), ("GET / HTTP/2", .unsupportedVersion), ("GET / HTTP/1.11", .unsupportedVersion),
        ("GET / http/1.1", .badRequestLine), ("GET / XTTP/1.1", .badRequestLine),
        ("GET http://b/ HTTP/1.1", .badTarget), ("GET * HTTP/1.1", .badTarget), ("CONNECT b:1 HTTP/1.1", .badTarget),
        ("GET //a HTTP/1.1", .badTarget), ("GET /a// HTTP/1.1", .badTarget), ("GET /a/ HTTP/1.1", .badTarget),
        ("GET /a/../b HTTP/1.1", .badTarget), ("GET /. HTTP/1.1", .badTarget), ("GET /%2e%2E/b HTTP/1.1", .badTarget),
        ("GET /a%2Fb HTTP/1.1", .badTarget), ("GET /a%00 HTTP/1.1", .badTarget), ("GET /a%0A HTTP/1.1", .badTarget),
        ("GET /a% HTTP/1.1", .badTarget), ("GET /a%4 HTTP/1.1", .badTarget), ("GET /a%+1 HTTP/1.1", .badTarget),
        ("GET /%FF HTTP/1.1", .badTarget), ("GET /%C0%AF HTTP/1.1", .badTarget), ("GET /%ED%A0%80 HTTP/1.1", .badTarget),
        ("GET /a#b HTTP/1.1", .badTarget), ("GET /a\\b HTTP/1.1", .badTarget), ("GET /a?b=c+d HTTP/1.1", .badTarget),
        ("GET /a?=b HTTP/1.1", .badTarget), ("GET /a?b&&c HTTP/1.1", .badTarget), ("GET /a?b=%zz HTTP/1.1", .badTarget),
        ("GET /é HTTP/1.1", .badTarget), ("GET /a?b=%0d%0a HTTP/1.1", .badTarget),
    ])
    func `a request line with two readings is refused`(line: String, error: HTTPError) {
        #expect(throws: error) { try request("\(line)\r\nHost: b\r\n\r\n") }
    }

    @Test(arguments: ["", "X: y\r\n"]) func `a request without a host is refused`(headers: String) {
        #expect(throws: HTTPError.missingHost) { try request("GET / HTTP/1.1\r\n\(headers)\r\n") }
    }

    @Test(arguments: ["", "a b", "a/b", "a@b", "a,b", "a?b"]) func `a host that names none is refused`(host: String) {
        #expect(throws: HTTPError.badHost) { try request("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") }
    }

    @Test func `a head at the limit is accepted and one byte more is refused`() throws {
        let frame = "GET / HTTP/1.1\r\nHost: b\r\nX: \r\n\r\n".utf8.count
        func head(_ size: Int) -> String {
            "GET / HTTP/1.1\r\nHost: b\r\nX: \(String(repeating: "x", count: size - frame))\r\n\r\n"
        }
        #expect(try request(head(8192))?.byteCount == 8192)
        #expect(throws: HTTPError.headTooLarge(limit: 8192)) { try request(head(8193)) }
        #expect(throws: HTTPError.headTooLarge(limit: 8192)) { try request(String(repeating: "x", count: 8192)) }
    }

    @Test func `64 headers are accepted and one more is refused`() throws {
        func head(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: b\r\n" + (1..<count).map { "X-\($0): y\r\n" }.joined() + "\r\n"
        }
        #expect(try request(head(64))?.request.headers.count == 64)
        #expect(throws: HTTPError.tooManyHeaders(limit: 64)) { try request(head(65)) }
    }

    @Test func `a body at the limit is announced and one byte more is refused`() throws {
        #expect(try request("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 262144\r\n\r\n")?.bodyLength == 262_144)
    }

    @Test func `what the writer writes is what the parser reads`() throws {
        var queue = ByteQueue()
        let query = [(name: "on", value: "a=b&c +%/?é"), (name: "x", value: "")]
        let sent = HTTPRequest(method: "PUT", path: "/a b/ü%2F/c", query: query, headers: ["X": "y z"], body: [1, 2])
        HTTPWriter.append(sent, to: Endpoint(host: "::1", port: 7), into: &queue)
        // A segment that holds a percent sign is fine; only an encoded slash is refused.
        let head = try #require(try HTTPParser().requestHead(in: UnsafeRawBufferPointer(queue.readable)))
        #expect(head.request.method == "PUT" && head.request.path == "/a b/ü%2F/c" && head.bodyLength == 2)
        #expect(head.request.query.map(\.value) == query.map(\.value))
        #expect(head.request.headers["Host"] == "[::1]:7" && head.request.headers["X"] == "y z")
    }

    @Test func `a response is read`() throws {
        let head = try #require(try response("HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\n"))
        #expect(head.response.status == 404 && head.bodyLength == 12)
        #expect(try response("HTTP/1.1 204 \r\n\r\n")?.bodyLength == 0)
        #expect(try response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", to: "HEAD")?.bodyLength == 0)
    }

    @Test(arguments: [
        ("HTTP/1.0 200 OK", HTTPError.unsupportedVersion), ("HTTP/1.1 20 OK", .badStatusLine),
        ("HTTP/1.1 2000 OK", .badStatusLine), ("HTTP/1.1 100 Continue", .badStatusLine), ("HTTP/1.1 +20 OK", .badStatusLine),
        ("HTTP/1.1  200 OK", .badStatusLine), ("HTTP/1.1 200 é", .badStatusLine), ("ICY 200 OK", .badStatusLine),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", .transferEncoding), ("HTTP/1.1 200 OK\r\nX: y", .badLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 67108865", .bodyTooLarge(limit: 67_108_864)),
    ])
    func `a response with two readings is refused`(text: String, error: HTTPError) {
        #expect(throws: error) { try response(text + "\r\n\r\n") }
    }

    private func request(_ text: String) throws -> HTTPParser.RequestHead? {
        try Array(text.utf8).withUnsafeBytes { try HTTPParser().requestHead(in: $0) }
    }

    private func response(_ text: String, to method: String = "GET") throws -> HTTPParser.ResponseHead? {
        try Array(text.utf8).withUnsafeBytes { try HTTPParser().responseHead(in: $0, to: method) }
    }
}
