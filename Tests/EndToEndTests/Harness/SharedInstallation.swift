// SPDX-License-Identifier: Apache-2.0

import Testing

/// One installation for all tests of a suite, which run one after the other: `@Suite(.serialized, .installation())`.
struct SharedInstallation: SuiteTrait, TestScoping {
    let setting: Installation.Setting

    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Installation.with(setting) { installation in
            try await Installation.$shared.withValue(installation) { try await function() }
        }
    }
}

extension Trait where Self == SharedInstallation {
    static func installation(_ setting: Installation.Setting = .init()) -> Self { SharedInstallation(setting: setting) }
}

extension Installation {
    @TaskLocal static var shared: Installation?

    /// The installation of the suite.
    static var here: Installation {
        get throws { try #require(shared, "the suite has no trait `.installation()`") }
    }
}
