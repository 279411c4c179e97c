// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transport

struct EndpointTests {
    @Test(arguments: [
        ("127.0.0.1:7420", "127.0.0.1", 7420), ("[::1]:7420", "::1", 7420), ("broker.example.org:1", "broker.example.org", 1),
        ("localhost:0", "localhost", 0), ("a-b_c.d1:65535", "a-b_c.d1", 65535),
    ])
    func `an address and a port are read and written back`(text: String, host: String, port: Int) throws {
        let endpoint = try Endpoint(text)
        #expect(endpoint.host == host)
        #expect(Int(endpoint.port) == port)
        #expect(endpoint.description == text)
    }

    @Test(arguments: [
        "", ":", ":1", "name", "name:", "name:65536", "name:+1", "name:-1", "name: 1", "name:1 ", "name:000001",
        "name:99999999999999999999", "::1:7420", "[::1]", "[::1:7420", "::1]:7420", "[]:1", "[127.0.0.1]:1", "[name]:1",
        "127.1:1", "2130706433:1", "0x7f000001:1", "127.0.0.256:1", "1.2.3.4.5:1", "na me:1", "name.:1", ".name:1",
        "a..b:1", "-a:1", "a-:1", "na\0me:1", "näme:1", "name/x:1", "user@name:1", "name:१",
    ])
    func `what is not an address is refused`(text: String) {
        #expect(throws: TransportError.self) { try Endpoint(text) }
    }

    @Test func `a label of 63 characters is accepted and one of 64 is refused`() throws {
        _ = try Endpoint(String(repeating: "a", count: 63) + ".org:1")
        #expect(throws: TransportError.self) { try Endpoint(String(repeating: "a", count: 64) + ".org:1") }
    }
}
