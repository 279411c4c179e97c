// SPDX-License-Identifier: Apache-2.0
// SECURITY: nothing that a caller puts into a header can start another line.

/// Writes HTTP/1.1 messages. The writer sets the length and the connection headers itself.
enum HTTPWriter {
    static func append(_ request: HTTPRequest, to host: Endpoint, into queue: inout ByteQueue) {
        var head = Array("\(request.method) ".utf8)
        head += HTTPTarget(path: request.path, query: request.query).encoded
        head += Array(" HTTP/1.1\r\nHost: \(host)\r\n".utf8)
        append(request.headers, except: ["Host", "Content-Length"], to: &head)
        if !request.body.isEmpty || request.method != "GET" { head += Array("Content-Length: \(request.body.count)\r\n".utf8) }
        queue.append(head + Array("\r\n".utf8))
        queue.append(request.body)
    }

    /// - Parameter isLast: the connection is closed after this response, and the client is told so.
    static func append(_ response: HTTPResponse, to method: String, isLast: Bool, into queue: inout ByteQueue) {
        var head = Array("HTTP/1.1 \(response.status) \(reason(response.status))\r\n".utf8)
        let owned = response.status == 101 ? [] : ["Content-Length", "Connection"]
        append(response.headers, except: owned, to: &head)
        let isBodiless = response.status < 200 || response.status == 204 || response.status == 304
        if !isBodiless {
            head += Array("Content-Length: \(response.body.count)\r\n".utf8)
        }
        if isLast { head += Array("Connection: close\r\n".utf8) }
        queue.append(head + Array("\r\n".utf8))
        if !isBodiless, method != "HEAD" { queue.append(response.body) }
    }

    private static func append(_ headers: HTTPHeaders, except owned: [String], to head: inout [UInt8]) {
        var headers = headers
        for name in owned { headers[name] = nil }
        for (name, value) in headers.fields {
            // What is not a header is our own mistake; it is left out rather than sent as something else.
            let isName = !name.isEmpty && name.utf8.allSatisfy(HTTPSyntax.isTokenByte)
            guard isName, value.utf8.allSatisfy(HTTPSyntax.isFieldByte) else {
                assertionFailure("not a header: \(name)")
                continue
            }
            head += Array("\(name): \(value)\r\n".utf8)
        }
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}
