// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Protocol

/// Lets an approver pick one of the requests that wait for their vote.
struct RequestChoice {
    private let approver: Operator
    private let console: Console

    init(_ approver: Operator, _ console: Console) {
        self.approver = approver
        self.console = console
    }

    /// - Returns: nil where nothing waits.
    func pick() throws -> RequestID? {
        let rows = try approver.requestsToDecide()
        if rows.isEmpty {
            console.errors("Nothing waits for your vote.\n")
            return nil
        }
        let ids = try rows.map { try RequestID(try $0.text("id")) }
        if ids.count == 1 { return ids[0] }
        guard Confirmation.isPossible else { throw ClientError.nobodyToPick }
        console.errors(Lists.choices(rows, now: .now()).text(width: console.width, style: console.style))
        let answer = String(decoding: try Confirmation.line("Which one? [1-\(ids.count), or its id] ", in: console), as: UTF8.self)
        if let index = ids.indices.first(where: { String($0 + 1) == answer }) { return ids[index] }
        // What is no id is as little in the list as another's.
        guard let id = try? RequestID(answer), ids.contains(id) else { throw ClientError.noChoice(answer) }
        return id
    }
}

extension Operator {
    func requestsToDecide() throws -> [Answer] {
        try Answer(try broker.get(Route.requests, [("scope", "to-decide")])).items()
    }
}
