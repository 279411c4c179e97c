// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

#if os(Linux)
    import Glibc
#endif

/// The settings of every target of ours. A warning is an error; what a module imports is its own affair
/// unless it says otherwise.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// A library target: its folder is `Sources/NAME`, its tests are `Tests/NAMETests`.
/// - Parameter texts: that stand beside the sources.
func layer(_ name: String, on lower: [Target.Dependency], beside texts: [String] = []) -> [Target] {
    [
        .target(name: name, dependencies: lower, exclude: texts, swiftSettings: settings),
        .testTarget(name: name + "Tests", dependencies: lower + [.byName(name: name)], swiftSettings: settings),
    ]
}

/// Every start of a program applies its relocations, of which there are 31,000 for Swift's tables. Packed (DT_RELR) they are 7 KB to
/// read and keep in memory, not 740; the loader understands that since glibc 2.36. Nobody looks for our symbols by name, so their
/// names need not be there either. A third of the symbols that the loader looked for were libstdc++'s own, of which Swift's runtime
/// uses a few functions; those are linked in.
let linking: [LinkerSetting] = {
    #if os(Linux)
        var text = [CChar](repeating: 0, count: 64)
        confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count)  // such as “glibc 2.36”
        let version = String(cString: text).split { $0 == " " || $0 == "." }.compactMap { Int($0) }
        let isPacking = version.count >= 2 && (version[0], version[1]) >= (2, 36)
        let packing = isPacking ? ["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"] : []
        var archives = glob_t()
        let hasArchive = glob("/usr/lib/gcc/*/*/libstdc++.a", 0, nil, &archives) == 0
        globfree(&archives)
        let own = hasArchive ? ["-L", Context.packageDirectory + "/deploy/linking"] : []
        return [.unsafeFlags(["-use-ld=lld", "-Xlinker", "--no-export-dynamic"] + packing + own)]
    #else
        return []
    #endif
}()

func program(_ name: String, on lower: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: lower, swiftSettings: settings, linkerSettings: linking)
}

// A target imports only targets that stand above it in this list (docs/architecture.md, "Parts").
let targets: [[Target]] = [
    [
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
    ],
    layer("StrictJSON", on: []),
    layer("Access", on: ["StrictJSON"], beside: ["ChangingFacts.md"]),
    layer("Evidence", on: ["Access", "StrictJSON", "COpenSSL"]),
    layer("Posix", on: ["CLinux"]),
    layer("Terminal", on: ["Posix"]),
    layer("Transport", on: ["Posix", "CLinux", "COpenSSL"]),
    layer("Protocol", on: ["Access", "Evidence", "StrictJSON"]),
    // What sessions carry besides terminals: connections and archives, at both ends.
    layer("Carriage", on: ["Access", "StrictJSON", "CLinux", "Posix", "Transport"]),
    layer("Storage", on: ["Access", "Evidence", "StrictJSON", "CSQLite"]),
    [
        // Reads what a broker left and says what must not be there; shares no code with what decides. Its tests tamper
        // with what a broker wrote.
        .target(name: "Verifier", dependencies: ["Access", "Evidence", "StrictJSON", "CSQLite"], swiftSettings: settings),
        .testTarget(
            name: "VerifierTests",
            dependencies: ["Verifier", "Broker", "Storage", "Posix", "Access", "Evidence", "StrictJSON", "CSQLite"],
            swiftSettings: settings),
    ],
    layer("CommandLineKit", on: []),
    layer("Broker", on: ["Access", "Evidence", "StrictJSON", "Posix", "Terminal", "Transport", "Protocol", "Storage", "Verifier"]),
    layer("Agent", on: ["Access", "Evidence", "StrictJSON", "CLinux", "Posix", "Terminal", "Transport", "Protocol", "Carriage"]),
    layer("Client", on: ["Access", "Evidence", "StrictJSON", "Posix", "Terminal", "Transport", "Protocol", "Carriage", "CommandLineKit"]),
    [
        program("stint", on: ["Client", "Access", "Evidence", "StrictJSON", "Posix", "Transport", "Protocol", "CommandLineKit"]),
        program("stintd", on: ["Broker", "Verifier", "Posix", "Protocol", "Transport", "CommandLineKit"]),
        program("stint-agent", on: ["Agent", "Access", "Evidence", "StrictJSON", "Posix", "Transport", "Protocol", "CommandLineKit"]),
    ],
    [
        // The real decisions under a virtual clock, for tests and for `deploy/torture simulate`.
        .target(name: "Simulator", dependencies: ["Access", "StrictJSON", "Posix", "Agent", "Broker"], path: "Tests/Simulator", swiftSettings: settings),
        .testTarget(name: "SimulatorTests", dependencies: ["Simulator"], swiftSettings: settings),
        .executableTarget(
            name: "stint-simulate", dependencies: ["Simulator"], path: "Tests/SimulatorProgram", swiftSettings: settings),
    ],
    [
        // Puts loads on a real broker, for `deploy/bench loads`; no part of what is shipped.
        .executableTarget(
            name: "stint-loads",
            dependencies: ["Access", "CLinux", "Evidence", "StrictJSON", "Posix", "Terminal", "Transport", "Protocol", "Storage", "Broker"],
            path: "Tests/LoadProgram", swiftSettings: settings),
    ],
    [
        // A broker that changes what it relays, for the tests that show that both ends notice.
        .executableTarget(
            name: "stintd-tampering", dependencies: ["Access", "Broker", "Client", "Evidence"], path: "Tests/TamperingBroker", swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests", dependencies: ["stint", "stintd", "stint-agent", "stintd-tampering"],
            exclude: ["Transcripts"], swiftSettings: settings),
    ],
]

let package = Package(name: "Stint", targets: targets.flatMap { $0 })
