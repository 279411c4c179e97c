// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON

/// What was held between two moments, and what was done with it.
struct AccessReview {
    let since: Timestamp
    let until: Timestamp
    /// Who asked: a report holds what this person may see.
    let reader: String
    let grants: [Answer]

    struct Total {
        var people: Set<String> = []
        var sessions = 0
        var unused = 0
        /// What a reviewer should look at, in words.
        var remarks: [String] = []
    }

    var total: Total {
        var total = Total()
        for grant in grants {
            total.people.insert(grant.optionalText("holder") ?? "")
            let sessions = grant.objects("sessions")
            total.sessions += sessions.count
            if sessions.isEmpty { total.unused += 1 }
            if approvers(grant).isEmpty { total.remarks.append("\(id(grant)) was approved by the policy alone.") }
            for session in sessions { total.remarks += remarks(session) }
        }
        return total
    }

    private func remarks(_ session: Answer) -> [String] {
        var remarks: [String] = []
        let id = session.optionalText("id") ?? "?"
        if session.optionalText("state") == "ended", session.optionalText("startedAt") != nil, session.optionalInteger("left") == nil {
            remarks.append("\(id) has no receipt: nothing is known of what it left.")
        }
        if let left = session.optionalInteger("left"), left > 0 { remarks.append("\(id) left \(left) processes behind.") }
        if session.optionalText("recording") == "truncated" { remarks.append("The recording of \(id) is truncated.") }
        return remarks
    }

    func summary(_ total: Total) -> String {
        func count(_ number: Int, _ one: String, _ many: String) -> String { "\(number) \(number == 1 ? one : many)" }
        return "\(count(grants.count, "grant", "grants")) of \(count(total.people.count, "person", "people")), "
            + "\(total.unused) unused, \(count(total.sessions, "session", "sessions"))"
    }

    func id(_ grant: Answer) -> String { grant.optionalText("id") ?? "?" }

    /// With their notes.
    func approvers(_ grant: Answer) -> [String] {
        grant.objects("votes").filter { $0.optionalText("verdict") == "approve" }.map { vote in
            let note = vote.optionalText("note") ?? ""
            return (vote.optionalText("person") ?? "?") + (note.isEmpty ? "" : ": " + note)
        }
    }

    func moment(_ answer: Answer, _ key: String) -> String { answer.time(key).map(TimeText.utc) ?? "" }

    func held(_ grant: Answer) -> String {
        guard grant.optionalText("notBefore") != nil else { return "never used" }
        let end = grant.optionalText("endedAt") == nil ? "notAfter" : "endedAt"
        return "\(moment(grant, "notBefore")) to \(moment(grant, end))"
    }

    func what(_ grant: Answer) -> String {
        "\(grant.texts("capabilities").joined(separator: ", ")) as \(grant.optionalText("runAs") ?? "?") on "
            + ObjectText.names(grant.texts("nodes"))
    }

    func done(_ session: Answer) -> String {
        let command = CommandText.shown(session.texts("command")).map { ": " + $0 } ?? ""
        let end = session.optionalText("endReason").map { ", \($0)" } ?? ""
        let receipt: String
        if let killed = session.optionalInteger("killed"), let left = session.optionalInteger("left") {
            receipt = "; \(killed) processes ended, \(left) left, \(session.optionalInteger("outputBytes") ?? 0) bytes shown"
        } else {
            receipt = session.optionalText("startedAt") == nil ? "; never began" : "; no receipt"
        }
        return "\(session.optionalText("capability") ?? "?") on \(session.optionalText("node") ?? "?")\(command)\(end)\(receipt)"
    }

    // MARK: For people

    var text: String {
        let total = total
        var text = "Access from \(TimeText.utc(since)) to \(TimeText.utc(until)), as \(shown(reader)) may see it\n"
        text += summary(total) + "\n"
        for remark in total.remarks { text += "  ! \(shown(remark))\n" }
        for grant in grants {
            var fields = FieldList()
            fields.add("what", what(grant))
            fields.add("when", held(grant))
            fields.add("why", grant.optionalText("reason"))
            fields.add("stated", grant.pairs("fields").map { $0.key + "=" + $0.value }.joined(separator: ", "))
            fields.add("agreed", each: approvers(grant))
            fields.add("ended", grant.optionalText("endReason"))
            for session in grant.objects("sessions") { fields.add(session.optionalText("id") ?? "?", done(session)) }
            text += "\n\(shown(grant.optionalText("holder") ?? "?"))  \(shown(id(grant)))  \(shown(grant.optionalText("state") ?? ""))\n\(fields.text)"
        }
        return text
    }

    var json: JSONValue {
        .object([
            "since": .string(since.description), "until": .string(until.description), "reader": .string(reader),
            "grants": .array(grants.map(\.json)),
        ])
    }
}
