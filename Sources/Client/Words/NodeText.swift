// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON

/// Nodes and what they say of themselves, in words and as comma-separated values.
enum NodeText {
    /// One node for people.
    static func words(_ answer: Answer, now: Timestamp) -> String {
        var fields = FieldList()
        fields.add("state", [answer.optionalText("state"), answer.optionalText("doubt")].compactMap { $0 }.joined(separator: ": "))
        fields.add("seen", answer.time("lastSeen").map { TimeText.relative($0, now: now) })
        fields.add("tags", answer.pairs("tags").map { $0.key + "=" + $0.value }.joined(separator: ","))
        fields.add("agent", answer.optionalText("agentVersion"))
        guard let facts = facts(of: answer) else { return "Node \(answer.optionalText("name") ?? "?")\n" + fields.text }
        fields.add("told", answer.time("factsAt").map { TimeText.relative($0, now: now) + ", by the node itself" })
        fields.add("host", facts.optionalText("hostName"))
        fields.add("system", [facts.optionalText("system"), facts.optionalText("architecture")].compactMap { $0 }.joined(separator: ", "))
        fields.add("kernel", facts.optionalText("kernel"))
        fields.add("up", facts.optionalInteger("uptimeSeconds").map { DurationText.format(.seconds($0)) })
        fields.add("load", "\(load(facts)) on \(facts.optionalInteger("processors") ?? 0) processors")
        fields.add("memory", "\(bytes(facts, "availableBytes")) of \(bytes(facts, "memoryBytes")) available")
        fields.add(
            "disks",
            each: facts.objects("disks").map { disk in
                "\(disk.optionalText("mount") ?? "?"): \(bytes(disk, "freeBytes")) of \(bytes(disk, "totalBytes")) free"
            })
        fields.add("users", facts.texts("users").joined(separator: ", "))
        fields.add("listens", each: facts.texts("listening"))
        return "Node \(answer.optionalText("name") ?? "?")\n" + fields.text
    }

    private static let columns = [
        "name", "state", "lastSeen", "tags", "agentVersion", "system", "kernel", "architecture", "hostName", "processors",
        "uptimeSeconds", "loadHundredths", "memoryBytes", "availableBytes", "factsAt",
    ]

    /// RFC 4180, with a line of names.
    static func values(_ rows: [Answer]) -> String {
        var lines = [columns.joined(separator: ",")]
        for row in rows {
            let facts = facts(of: row)
            lines.append(
                columns.map { column -> String in
                    if column == "tags" { return quoted(row.pairs("tags").map { $0.key + "=" + $0.value }.joined(separator: " ")) }
                    for source in [row, facts] {
                        if let text = source?.optionalText(column) { return quoted(text) }
                        if let number = source?.optionalInteger(column) { return String(number) }
                    }
                    return ""
                }.joined(separator: ","))
        }
        return lines.map { $0 + "\r\n" }.joined()
    }

    /// Always in quotes, and never a formula for whoever opens it as a sheet.
    private static func quoted(_ text: String) -> String {
        let isFormula = text.utf8.first.map { "=+-@".utf8.contains($0) } ?? false
        return "\"" + (isFormula ? "'" : "") + shown(text).replacing("\"", with: "\"\"") + "\""
    }

    static func facts(of answer: Answer) -> Answer? {
        answer.json["facts"].flatMap { $0.asObject == nil ? nil : Answer($0) }
    }

    static func load(_ facts: Answer) -> String {
        let load = facts.optionalInteger("loadHundredths") ?? 0
        let rest = load % 100
        return "\(load / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    static func bytes(_ answer: Answer, _ key: String) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var (value, unit) = (answer.optionalInteger(key) ?? 0, 0)
        while value >= 10_240, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return "\(value) \(units[unit])"
    }
}
