// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Testing

@Suite struct NearestNameTests {
    let names = ["maximumDuration", "idle", "seats", "runAs", "selector"]

    @Test(arguments: [
        ("maximumDuraton", "maximumDuration"), ("maxDuration", "maximumDuration"),
        ("MaximumDuration", "maximumDuration"),
        ("seat", "seats"), ("saets", "seats"), ("idel", "idle"), ("runas", "runAs"), ("selectors", "selector"),
        ("idl", "idle"),
    ])
    func `a misspelt name has a neighbour`(name: String, neighbour: String) {
        #expect(name.nearest(among: names) == neighbour)
    }

    @Test(arguments: ["", "x", "duration", "reason", "lied!", String(repeating: "seats", count: 20)])
    func `an unlike name has none`(name: String) {
        #expect(name.nearest(among: names) == nil)
    }

    @Test func `of equally near names the first wins`() {
        #expect("cat".nearest(among: ["bat", "car"]) == "bat")
    }

    @Test func `a name of 64 bytes is compared and a longer one is not`() {
        let name = String(repeating: "a", count: 64)
        #expect(name.nearest(among: [name]) == name)
        #expect((name + "a").nearest(among: [name]) == nil)
    }
}
