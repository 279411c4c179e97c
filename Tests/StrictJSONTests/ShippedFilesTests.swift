// SPDX-License-Identifier: Apache-2.0

import Foundation
import StrictJSON
import Testing

@Suite struct ShippedFilesTests {
    @Test func `the shipped policy is JSON5 that we read`() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try Data(contentsOf: repository.appending(path: "Config/policy.json5"))
        let document = try JSON5Document(parsing: Array(text), file: "policy.json5")
        #expect(document.value["entitlements"]?.asArray?.isEmpty == false)
    }
}
