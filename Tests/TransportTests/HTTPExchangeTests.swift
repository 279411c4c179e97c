// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transport

struct HTTPExchangeTests {
    @Test func `a request gets its answer and the connection is used again`() throws {
        let server = try TestServer.echo()
        let client = try server.client()
        for number in 0..<3 {
            let request = HTTPRequest(method: "POST", path: "/échо \(number)", body: Array("body".utf8))
            let response = try client.send(request)
            #expect(response.status == 200)
            #expect(String(decoding: response.body, as: UTF8.self) == "POST /échо \(number)\nbody")
        }
    }

    @Test func `a web socket carries messages both ways`() throws {
        let server = try TestServer { _, _, responder in
            responder.upgrade { socket in
                socket.onText = { [weak socket] text in socket?.send(text: "you said " + text) }
            }
        }
        let stream = try server.client().upgrade(path: "/socket")
        try stream.send(.text, Array("hello".utf8))
        let answer = try #require(try stream.receive())
        #expect(answer.kind == .text)
        #expect(String(decoding: answer.bytes, as: UTF8.self) == "you said hello")
    }
}
