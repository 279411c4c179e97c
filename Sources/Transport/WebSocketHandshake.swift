// SPDX-License-Identifier: Apache-2.0

import COpenSSL

/// The switch from HTTP/1.1 to WebSocket (RFC 6455 §4).
enum WebSocketHandshake {
    /// A fresh key for a client's request: 16 random bytes in base64.
    static func makeKey() throws(TransportError) -> String {
        var nonce = [UInt8](repeating: 0, count: 16)
        guard RAND_bytes(&nonce, Int32(nonce.count)) == 1 else { throw .cryptography(operation: "RAND_bytes") }
        return base64(nonce)
    }

    /// The server's proof that it read the key.
    static func accept(for key: String) -> String {
        var digest = [UInt8](repeating: 0, count: 20)
        let text = Array(key.utf8) + Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
        _ = SHA1(text, text.count, &digest)
        return base64(digest)
    }

    static func headers(key: String) -> HTTPHeaders {
        ["Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"]
    }

    /// The answer to a request that wants to switch: 101, or why not.
    static func answer(to request: HTTPRequest) -> HTTPResponse {
        guard request.method == "GET", request.body.isEmpty, request.headers.contains("websocket", in: "Upgrade"),
            request.headers.contains("upgrade", in: "Connection")
        else { return .problem(426, "http.upgrade-required", "This path is a WebSocket.", ["Upgrade": "websocket"]) }
        // A page in a browser must not reach this port with the browser's key.
        guard request.headers["Origin"] == nil else {
            return .problem(403, "websocket.origin", "WebSockets are not for web pages.")
        }
        guard request.headers["Sec-WebSocket-Version"] == "13" else {
            return .problem(426, "websocket.version", "Only version 13 is spoken here.", ["Sec-WebSocket-Version": "13"])
        }
        guard let key = request.headers["Sec-WebSocket-Key"], isKey(key) else {
            return .problem(400, "websocket.bad-key", "Sec-WebSocket-Key is not 16 bytes in base64.")
        }
        let headers: HTTPHeaders = [
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept(for: key),
        ]
        return HTTPResponse(status: 101, headers: headers)
    }

    static func isAccepted(_ response: HTTPResponse, key: String) -> Bool {
        response.status == 101 && response.headers.contains("websocket", in: "Upgrade")
            && response.headers.contains("upgrade", in: "Connection")
            && response.headers["Sec-WebSocket-Accept"] == accept(for: key)
            && response.headers["Sec-WebSocket-Extensions"] == nil
    }

    private static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.count == 24 && bytes.suffix(2).elementsEqual("==".utf8)
            && bytes.prefix(22).allSatisfy { HTTPSyntax.isLetter($0) || HTTPSyntax.isDigit($0) || "+/".utf8.contains($0) }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
        let length = EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
        return String(decoding: text.prefix(Int(length)), as: UTF8.self)
    }
}

extension HTTPResponse {
    /// An error in the form of RFC 9457. The texts are ours and need no escaping.
    static func problem(
        _ status: Int, _ code: String, _ title: String, _ headers: HTTPHeaders = [:]
    ) -> HTTPResponse {
        let body = Array(#"{"status":\#(status),"code":"\#(code)","title":"\#(title)"}"#.utf8)
        var response = HTTPResponse(status: status, headers: headers, body: body)
        response.headers["Content-Type"] = "application/problem+json"
        return response
    }
}
