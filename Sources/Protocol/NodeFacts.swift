// SPDX-License-Identifier: Apache-2.0
// SECURITY: what a node says about itself. For people to read; whoever is root there can say anything, so nothing is ever
// authorised by it. It is bounded and checked for form, because it comes from a machine that may be lost.

package import StrictJSON

/// A node's own report of what it is and how it does.
package struct NodeFacts: Sendable, Equatable {
    package struct Disk: Sendable, Equatable {
        package let mount: String
        package let totalBytes: Int64
        package let freeBytes: Int64

        package init(mount: String, totalBytes: Int64, freeBytes: Int64) {
            self.mount = mount
            self.totalBytes = totalBytes
            self.freeBytes = freeBytes
        }
    }

    package var system = ""
    package var kernel = ""
    package var architecture = ""
    package var hostName = ""
    package var processors: Int64 = 0
    /// Since the machine started.
    package var uptimeSeconds: Int64 = 0
    /// The load average of one minute, in hundredths: there are no fractions in our JSON.
    package var loadHundredths: Int64 = 0
    package var memoryBytes: Int64 = 0
    package var availableBytes: Int64 = 0
    package var disks: [Disk] = []
    /// Users who can log in.
    package var users: [String] = []
    /// As `tcp 0.0.0.0:22`.
    package var listening: [String] = []

    package static let maximumDisks = 32
    package static let maximumUsers = 100
    package static let maximumListening = 200
    private static let maximumText = 256

    package init() {}

    package var json: JSONValue {
        .object([
            "system": .string(system), "kernel": .string(kernel), "architecture": .string(architecture),
            "hostName": .string(hostName), "processors": .integer(processors), "uptimeSeconds": .integer(uptimeSeconds),
            "loadHundredths": .integer(loadHundredths), "memoryBytes": .integer(memoryBytes),
            "availableBytes": .integer(availableBytes),
            "disks": .array(
                disks.map {
                    .object(["mount": .string($0.mount), "totalBytes": .integer($0.totalBytes), "freeBytes": .integer($0.freeBytes)])
                }),
            "users": .array(users.map { .string($0) }), "listening": .array(listening.map { .string($0) }),
        ])
    }

    package init(_ value: JSONValue) throws(JSONError) {
        var reader = try ObjectReader(value)
        system = try reader.string("system", maximum: Self.maximumText)
        kernel = try reader.string("kernel", maximum: Self.maximumText)
        architecture = try reader.string("architecture", maximum: Self.maximumText)
        hostName = try reader.string("hostName", maximum: Self.maximumText)
        processors = try reader.integer("processors", in: 0...1_000_000)
        uptimeSeconds = try reader.integer("uptimeSeconds", in: 0...Int64.max)
        loadHundredths = try reader.integer("loadHundredths", in: 0...Int64.max)
        memoryBytes = try reader.integer("memoryBytes", in: 0...Int64.max)
        availableBytes = try reader.integer("availableBytes", in: 0...Int64.max)
        for item in try reader.objects("disks", maximum: Self.maximumDisks) {
            var disk = item
            disks.append(
                Disk(
                    mount: try disk.string("mount", maximum: Self.maximumText), totalBytes: try disk.integer("totalBytes", in: 0...Int64.max),
                    freeBytes: try disk.integer("freeBytes", in: 0...Int64.max)))
            try disk.finish()
        }
        users = try reader.strings("users", maximum: Self.maximumUsers, maximumBytes: Self.maximumText)
        listening = try reader.strings("listening", maximum: Self.maximumListening, maximumBytes: Self.maximumText)
        try reader.finish()
    }
}
