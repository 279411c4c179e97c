// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@Suite struct DestinationTests {
    @Test(arguments: [
        "127.0.0.1:22", "192.0.2.7:65535", "[::1]:443", "[2001:db8::7]:1", "[2001:db8:0:1::]:80", "localhost:80", "db:5432",
        "db-1.internal:5432", "xn--bcher-kva.example:443", "3com.example:1", "a.b.c.d.e:9",
    ])
    func `a destination has one spelling`(text: String) throws {
        #expect(try Destination(text).description == text)
        #expect(try Capability("forward:\(text)").rawValue == "forward:\(text)")
    }

    /// Ways to write an address that some resolver, library or person would take, and other texts that are none.
    @Test(arguments: [
        "", ":", "80", ":80", "host", "host:", "host:0", "host:080", "host:65536", "host:99999", "host:+80", "host:-1", "host: 80",
        "host:80 ", " host:80", "host:8O", "host:80:", "host::80", "ho st:80", "ho\u{0}st:80", "host\n:80", "Host:80", "HOST:80",
        "host.:80", ".host:80", "ho..st:80", "-host:80", "host-:80", "ho_st:80", "höst:80", "host%20:80", "user@host:80",
        "http://host:80", "host/:80", "host:80/", "host:80#", "host:80?", "*:80", "*.internal:80", "host:*",
        "127.1:80", "127.0.1:80", "2130706433:80", "0x7f000001:80", "0x7f.0.0.1:80", "0x7f.1:80", "017700000001:80", "0177.0.0.1:80",
        "127.0.0.01:80", "127.0.0.1.:80", "127.0.0.256:80", "127.0.0.-1:80", "127.0.0.1.1:80", "1.2.3.4.5.6:80", "0:80", "00:80",
        "1e3:0", "127。0。0。1:80", "①②⑦.0.0.1:80", "169.254.43518:80", "2852039166:80", "0xa9fea9fe:80", "0xA9FEA9FE:80",
        "0251.0376.0251.0376:80", "a.0x10:80", "a.10:80",
        "::1:80", "[::1:80", "::1]:80", "[::1]80", "[]:80", "[:]:80", "[::1%lo]:80", "[::1%251]:80", "[0:0:0:0:0:0:0:1]:80", "[::01]:80",
        "[::0001]:80", "[2001:DB8::1]:80", "[2001:db8:0:0:1:0:0:1]:80", "[2001:db8::0:1]:80", "[1::2::3]:80", "[1:2:3:4:5:6:7]:80",
        "[1:2:3:4:5:6:7:8:9]:80", "[1:2:3:4:5:6:7::]:80", "[::127.0.0.1]:80", "[::ffff:127.0.0.1]:80", "[::ffff:169.254.169.254]:80",
        "[12345::]:80", "[g::]:80", "[127.0.0.1]:80", "[localhost]:80", "[v1.fe80]:80",
    ])
    func `any other spelling is none`(text: String) {
        #expect(throws: Refusal.destinationMalformed(text)) { try Destination(text) }
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "169.254.0.1", "169.254.169.254", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "168.63.129.16", "100.100.100.200", "192.0.0.192", "[::]", "[::2]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[::7f00:1]",
        "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[2001::1]", "[fe80::1]", "[febf::1]", "[fec0::1]",
        "[ff02::1]", "[fd00:ec2::254]",
    ])
    func `what is no single machine, stands for another address or keeps a cloud's secrets is forbidden`(host: String) {
        do throws(Refusal) {
            _ = try Destination(host + ":80")
            Issue.record("\(host) was taken")
        } catch {
            #expect(error.code == "destination.forbidden", "\(host): \(error)")
        }
    }

    @Test(arguments: ["10.0.0.1", "172.16.0.1", "192.168.1.1", "168.63.129.17", "100.100.100.201", "223.255.255.255", "[fd00:ec3::1]", "[fc00::1]", "[64:ff9a::1]"])
    func `addresses beside those are for the policy to say`(host: String) throws {
        #expect(try Destination(host + ":80").description == host + ":80")
    }

    @Test func `a name may not lead to where nobody is forwarded, and to the node itself only if it says so`() throws {
        func refusal(_ text: String, _ address: [UInt8]) throws -> String? {
            try Destination(text).refusal(of: try #require(NetworkAddress(bytes: address)))
        }
        let six = { (bytes: [UInt8]) in [UInt8](repeating: 0, count: 16 - bytes.count) + bytes }
        #expect(try refusal("db.internal:80", [10, 0, 0, 1]) == nil)
        #expect(try refusal("db.internal:80", [169, 254, 169, 254]) != nil)
        #expect(try refusal("db.internal:80", six([0xff, 0xff, 10, 0, 0, 1])) != nil)
        for loopback in [[127, 0, 0, 1], [127, 9, 9, 9], six([1])] as [[UInt8]] {
            #expect(try refusal("db.internal:80", loopback) != nil)
            #expect(try refusal("localhost:80", loopback) == nil)
            #expect(try refusal("127.0.0.1:80", loopback) == nil)
        }
        #expect(NetworkAddress(bytes: [1, 2, 3]) == nil && NetworkAddress(bytes: []) == nil)
    }

    @Test func `every address is written so that it is read again`() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for index in stride(from: 0, to: 16, by: 2) where Bool.random(using: &generator) { (bytes[index], bytes[index + 1]) = (0, 0) }
            let address = try #require(NetworkAddress(bytes: bytes))
            #expect(NetworkAddress(canonical: address.description)?.bytes == bytes, "\(address)")
        }
    }

    @Test func `who may be forwarded nowhere reaches no destination and no SSH server`() throws {
        let policy = { (capability: String) in
            """
            { entitlements: [{ name: "a", requesters: ["group:ops"], nodes: "*", capabilities: ["shell", "ssh", "forward:db:5432"], runAs: ["app"],
              seats: [{ count: 1, of: ["group:dba"] }], maximumDuration: "1h", sessionMaximum: "1h", idleLimit: "5m" }],
              forbid: [{ name: "none", nodes: "*", capabilities: ["\(capability)"] }] }
            """
        }
        let (ours, anna) = (try Organisation(), try Organisation.person("anna", ["ops"]))
        let node = try #require(ours.directory.nodes.values.first)
        func forbidden(_ capability: String, by rule: String) throws -> Bool {
            try Policy(parsing: policy(rule), file: "policy").prohibition(of: [try Capability(capability)], as: try RunAsName(user: "app"), by: anna, on: node) != nil
        }
        for capability in ["forward:db:5432", "forward:127.0.0.1:22", "ssh"] { #expect(try forbidden(capability, by: "forward")) }
        #expect(try !forbidden("shell", by: "forward"))
        #expect(try forbidden("ssh", by: "forward:127.0.0.1:22") && !forbidden("ssh", by: "forward:db:5432"))
        #expect(try forbidden("forward:127.0.0.1:22", by: "ssh") && !forbidden("forward:db:5432", by: "ssh"))
        // Only what forbids may leave the destination out.
        #expect(throws: Refusal.capabilityUnknown("forward")) { try Capability("forward") }
    }

    @Test func `what a copy does is read from its words, and nothing else is`() throws {
        for words in [["from", "/etc/hosts"], ["from", "a", "b/", "-c"], ["to", "."], ["to", "/"], ["to", "a b"]] {
            #expect(try CopyOrder(words).words == words)
        }
        let long = String(repeating: "a", count: CopyOrder.maximumPath + 1)
        for words in [
            [], ["from"], ["to"], ["to", "a", "b"], ["from", ""], ["to", ""], ["from", "/"], ["from", "a/.."], ["from", "."], ["From", "a"],
            ["from", "a\u{0}b"], ["to", long], ["from"] + (0...CopyOrder.maximumPaths).map { "f\($0)" },
        ] {
            #expect(throws: Refusal.copyMalformed) { try CopyOrder(words) }
        }
        #expect(CopyOrder.name(of: "/a/b//") == "b" && CopyOrder.name(of: "-x") == "-x" && CopyOrder.name(of: "/") == nil)
    }
}
