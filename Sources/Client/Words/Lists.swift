// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import StrictJSON

/// Lists for people.
enum Lists {
    static func requests(_ rows: [Answer], now: Timestamp) -> Table {
        var table = Table([
            .init("ID"), .init("STATE"), .init("WHO"), .init("ON", isFlexible: true), .init("AS"), .init("FOR"),
            .init("TIME"), .init("REASON", isFlexible: true),
        ])
        for row in rows {
            let isPending = row.optionalText("state") == "pending"
            table.add([
                cell(row, "id"), state(row), cell(row, "requester"), cell(row, "selector"), cell(row, "runAs"),
                .init((row.optionalText("extends") == nil ? "" : "+") + (ObjectText.seconds(row, "duration") ?? "")), time(row, isPending ? "decideBefore" : "createdAt", now),
                cell(row, "reason"),
            ])
        }
        return table
    }

    /// Requests to pick one of.
    static func choices(_ rows: [Answer], now: Timestamp) -> Table {
        var table = Table([
            .init("", .trailing), .init("ID"), .init("WHO"), .init("ON", isFlexible: true), .init("AS"), .init("FOR"),
            .init("TIME"), .init("REASON", isFlexible: true),
        ])
        for (index, row) in rows.enumerated() {
            table.add([
                .init(String(index + 1)), cell(row, "id"), cell(row, "requester"), cell(row, "selector"), cell(row, "runAs"),
                .init(ObjectText.seconds(row, "duration") ?? ""), time(row, "decideBefore", now), cell(row, "reason"),
            ])
        }
        return table
    }

    /// `r-7k2p9x: oncall asks for db-1 as root for 30m: “restore the index”. Decide: stint approve r-7k2p9x`
    static func waiting(_ row: Answer) -> String {
        let id = row.optionalText("id") ?? "?"
        let nodes = ObjectText.names(row.texts("nodes"))
        return shown(
            "\(id): \(row.optionalText("requester") ?? "?") asks for \(nodes) as \(row.optionalText("runAs") ?? "?") for "
                + "\(ObjectText.seconds(row, "duration") ?? "?"): “\(row.optionalText("reason") ?? "")”. Decide: stint approve \(id)")
    }

    static func reviews(_ rows: [Answer], now: Timestamp) -> Table {
        var table = Table([
            .init("ID"), .init("REVIEW"), .init("WHO"), .init("ON", isFlexible: true), .init("AS"), .init("FOR"), .init("DUE"),
            .init("BY"), .init("REASON", isFlexible: true),
        ])
        for row in rows {
            let review = Answer(row.json["review"] ?? .object([:]))
            table.add([
                cell(row, "id"), state(review), cell(row, "requester"), cell(row, "selector"), cell(row, "runAs"),
                .init(ObjectText.seconds(row, "duration") ?? ""), time(review, "dueBefore", now), cell(review, "reviewer"),
                cell(row, "reason"),
            ])
        }
        return table
    }

    static func grants(_ rows: [Answer], now: Timestamp) -> Table {
        var table = Table([
            .init("ID"), .init("STATE"), .init("HOLDER"), .init("NODES", isFlexible: true), .init("AS"), .init("MAY"),
            .init("TIME"),
        ])
        for row in rows {
            let key: String
            switch row.optionalText("state") {
            case "ready": key = "activateBefore"
            case "active": key = "notAfter"
            default: key = "endedAt"
            }
            table.add([
                cell(row, "id"), state(row), cell(row, "holder"), .init(ObjectText.names(row.texts("nodes"))),
                cell(row, "runAs"), .init(row.texts("capabilities").joined(separator: ",")), time(row, key, now),
            ])
        }
        return table
    }

    static func sessions(_ rows: [Answer], now: Timestamp) -> Table {
        var table = Table([
            .init("ID"), .init("STATE"), .init("WHO"), .init("NODE"), .init("AS"), .init("KIND"), .init("STARTED"),
            .init("END", isFlexible: true), .init("COMMAND", isFlexible: true),
        ])
        for row in rows {
            table.add([
                cell(row, "id"), state(row), cell(row, "person"), cell(row, "node"), cell(row, "runAs"),
                cell(row, "capability"), time(row, "startedAt", now), cell(row, "endReason"),
                .init(CommandText.shown(row.texts("command")) ?? ""),
            ])
        }
        return table
    }

    static func nodes(_ rows: [Answer], now: Timestamp) -> Table {
        var table = Table([
            .init("NODE"), .init("STATE"), .init("SEEN"), .init("TAGS", isFlexible: true), .init("AGENT"),
            .init("SYSTEM", isFlexible: true), .init("LOAD", .trailing), .init("MEMORY", .trailing),
        ])
        for row in rows {
            let tags = row.pairs("tags").map { $0.key + "=" + $0.value }.joined(separator: ",")
            let facts = NodeText.facts(of: row)
            table.add([
                cell(row, "name"), state(row), time(row, "lastSeen", now), .init(tags), cell(row, "agentVersion"),
                .init(facts?.optionalText("system") ?? ""), .init(facts.map(NodeText.load) ?? ""),
                .init(facts.map { NodeText.bytes($0, "availableBytes") } ?? ""),
            ])
        }
        return table
    }

    static func people(_ rows: [Answer]) -> Table {
        var table = Table([
            .init("PERSON"), .init("STATE"), .init("GROUPS", isFlexible: true), .init("DEVICES", isFlexible: true),
            .init("ADMINISTRATOR"),
        ])
        for row in rows {
            let devices = row.objects("devices").map { device in
                "\(device.optionalText("label") ?? "?")\(device.optionalText("state") == "disabled" ? " (disabled)" : "")"
            }
            table.add([
                cell(row, "name"), state(row), .init(row.texts("groups").joined(separator: ",")),
                .init(devices.joined(separator: ", ")), .init(row.bool("administrator") ? "yes" : ""),
            ])
        }
        return table
    }

    static func ledger(_ rows: [Answer]) -> Table {
        var table = Table([
            .init("NUMBER", .trailing), .init("AT"), .init("EVENT"), .init("SUBJECT"), .init("ACTOR"),
            .init("MORE", isFlexible: true),
        ])
        for row in rows {
            table.add([
                .init(String(row.optionalInteger("number") ?? 0)), .init(row.time("at").map(TimeText.local) ?? ""),
                cell(row, "event"), cell(row, "subject"), cell(row, "actor"), cell(row, "body"),
            ])
        }
        return table
    }

    private static func cell(_ row: Answer, _ key: String) -> Table.Cell { .init(row.optionalText(key) ?? "") }

    private static func time(_ row: Answer, _ key: String, _ now: Timestamp) -> Table.Cell {
        .init(row.time(key).map { TimeText.relative($0, now: now) } ?? "")
    }

    private static func state(_ row: Answer) -> Table.Cell {
        let text = row.optionalText("state") ?? ""
        let emphasis: Emphasis? =
            switch text {
            case "pending", "ready", "opening", "ending", "detached", "disconnected", "distrusts", "due": .yellow
            case "approved", "active", "live", "connected", "accepted": .green
            case "denied", "disabled", "overdue", "flagged": .red
            default: nil
            }
        return .init(text, emphasis)
    }
}
