// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import StrictJSON

/// The objects of the API for people: what the broker says about them, escaped.
enum ObjectText {
    static func request(_ answer: Answer, now: Timestamp) -> String {
        var fields = FieldList()
        fields.add("requester", answer.optionalText("requester"))
        fields.add("reason", answer.optionalText("reason"))
        fields.add("stated", each: stated(answer))
        fields.add("on", answer.optionalText("selector"))
        fields.add("nodes", names(answer.texts("nodes")))
        fields.add("run as", answer.optionalText("runAs"))
        fields.add("may", answer.texts("capabilities").joined(separator: ", "))
        if let grant = answer.optionalText("extends") {
            fields.add("for", seconds(answer, "duration").map { "\($0) more on grant \(grant)" })
            fields.add("ends now", deadline(answer, "endsNow", now: now))
        } else {
            fields.add("for", seconds(answer, "duration"))
        }
        fields.add("not before", deadline(answer, "startsAt", now: now))
        fields.add("entitlement", answer.optionalText("entitlement"))
        fields.add("asked", moment(answer, "createdAt", now: now))
        if answer.optionalText("state") == "pending" { fields.add("decide before", deadline(answer, "decideBefore", now: now)) }
        fields.add("resolved", moment(answer, "resolvedAt", now: now))
        fields.add("needs", each: answer.objects("seats").map(seat))
        fields.add("votes", each: answer.objects("votes").map { vote($0, now: now) })
        fields.add("approved by", consent(answer))
        fields.add("review", each: review(answer, now: now))
        fields.add("grant", answer.optionalText("grant"))
        return title("Request", answer) + fields.text
    }

    /// Said only where it was not people.
    private static func consent(_ answer: Answer) -> String? {
        switch answer.optionalText("consent").flatMap(Consent.init) {
        case .policy: "policy: automatic approval, no second person agreed"
        case .breakGlass: "nobody: the glass was broken"
        case .people, nil: nil
        }
    }

    private static func review(_ answer: Answer, now: Timestamp) -> [String] {
        guard let value = answer.json["review"], value != .null else { return [] }
        let review = Answer(value)
        var lines = [review.optionalText("state") ?? "?"]
        if let reviewer = review.optionalText("reviewer") {
            lines[0] += " by \(reviewer)" + (review.optionalText("text").map { ", “\($0)”" } ?? "")
        } else if let due = deadline(review, "dueBefore", now: now) {
            lines[0] += ", before \(due)"
        }
        return lines + ["told: \(review.texts("told").joined(separator: ", "))"]
    }

    private static func stated(_ answer: Answer) -> [String] {
        (answer.json["fields"]?.asObject?.members ?? []).map { "\($0.key): \($0.value.asString ?? "")" }
    }

    static func grant(_ answer: Answer, now: Timestamp) -> String {
        var fields = FieldList()
        fields.add("holder", answer.optionalText("holder"))
        fields.add("on", answer.optionalText("selector"))
        fields.add("nodes", names(answer.texts("nodes")))
        fields.add("run as", answer.optionalText("runAs"))
        fields.add("may", answer.texts("capabilities").joined(separator: ", "))
        fields.add("for", seconds(answer, "granted"))
        if answer.optionalText("state") == "ready" { fields.add("use before", deadline(answer, "activateBefore", now: now)) }
        fields.add("not before", deadline(answer, "startsAt", now: now))
        fields.add("since", moment(answer, "notBefore", now: now))
        fields.add("until", deadline(answer, "notAfter", now: now))
        fields.add("extensions", each: answer.objects("extensions").map { extended($0, now: now) })
        fields.add("ended", moment(answer, "endedAt", now: now))
        fields.add("because", answer.optionalText("endReason"))
        fields.add("request", answer.optionalText("request"))
        fields.add("approved by", consent(answer))
        return title("Grant", answer) + fields.text
    }

    private static func extended(_ row: Answer, now: Timestamp) -> String {
        let approvers = row.texts("approvers")
        let by = approvers.isEmpty ? "" : " by " + approvers.joined(separator: ", ")
        let when = row.time("resolvedAt") ?? row.time("createdAt")
        return "\(row.optionalText("id") ?? "?"): \(seconds(row, "duration") ?? "?") more, \(row.optionalText("state") ?? "?")\(by)"
            + (when.map { ", \(TimeText.relative($0, now: now))" } ?? "") + ", “\(row.optionalText("reason") ?? "")”"
    }

    static func session(_ answer: Answer, now: Timestamp) -> String {
        var fields = FieldList()
        fields.add("person", answer.optionalText("person"))
        fields.add("node", answer.optionalText("node"))
        fields.add("run as", answer.optionalText("runAs"))
        fields.add("kind", answer.optionalText("capability"))
        fields.add("command", CommandText.shown(answer.texts("command")))
        fields.add("grant", answer.optionalText("grant"))
        fields.add("started", moment(answer, "startedAt", now: now))
        fields.add("ended", moment(answer, "endedAt", now: now))
        fields.add("because", [answer.optionalText("endReason"), answer.optionalText("detail")]
            .compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: ": "))
        fields.add("recorded", recorded(answer))
        if let receipt = answer.json["receipt"].map(Answer.init), receipt.optionalInteger("killed") != nil {
            fields.add("receipt", self.receipt(receipt))
            fields.add("remarks", each: receipt.texts("remarks"))
        } else if answer.optionalText("state") == "ended" {
            fields.add("receipt", "none: the node did not report, so nothing is promised")
        }
        return title("Session", answer) + fields.text
    }

    private static func recorded(_ answer: Answer) -> String {
        switch answer.optionalText("recordingState") {
        case "deleted": return "yes, and deleted as the policy's retention says"
        case "growing" where answer.optionalText("state") == "ended": return "yes, but truncated: its end was not seen"
        case "truncated":
            let missing = answer.optionalInteger("recordingMissing") ?? 0
            return "yes, but truncated: at least \(missing) bytes of what the session put out are missing"
        default: return answer.bool("recording") ? "yes" : "no"
        }
    }

    static func seat(_ seat: Answer) -> String {
        "\(seat.optionalInteger("count") ?? 0) of \(seat.texts("of").joined(separator: ", "))"
    }

    static func seconds(_ answer: Answer, _ key: String) -> String? {
        answer.optionalInteger(key).map { DurationText.format(.seconds($0)) }
    }

    static func deadline(_ answer: Answer, _ key: String, now: Timestamp) -> String? {
        answer.time(key).map { TimeText.deadline($0, now: now) }
    }

    static func moment(_ answer: Answer, _ key: String, now: Timestamp) -> String? {
        answer.time(key).map { "\(TimeText.local($0)), \(TimeText.relative($0, now: now))" }
    }

    /// Few names in full, of many their number as well.
    static func names(_ names: [String]) -> String {
        names.count > 8 ? "\(names.prefix(8).joined(separator: ", ")), … (\(names.count) nodes)" : names.joined(separator: ", ")
    }

    private static func title(_ kind: String, _ answer: Answer) -> String {
        "\(kind) \(shown(answer.optionalText("id") ?? "?")): \(shown(answer.optionalText("state") ?? "?"))\n"
    }

    private static func vote(_ vote: Answer, now: Timestamp) -> String {
        var text = "\(vote.optionalText("person") ?? "?"): \(vote.optionalText("verdict") ?? "?")"
        if let duration = seconds(vote, "duration"), vote.optionalText("verdict") == "approve" {
            text += " for \(duration) on \(names(vote.texts("nodes")))"
        }
        if let note = vote.optionalText("note"), !note.isEmpty { text += ", “\(note)”" }
        if let at = vote.time("at") { text += ", \(TimeText.relative(at, now: now))" }
        return text
    }

    private static func receipt(_ receipt: Answer) -> String {
        let killed = receipt.optionalInteger("killed") ?? 0
        var text = "\(killed) killed, \(receipt.optionalInteger("left") ?? 0) left"
        if let status = receipt.optionalInteger("exit") { text += ", exit \(status)" }
        if let signal = receipt.optionalInteger("signal") { text += ", signal \(signal)" }
        return text + ", found by \(receipt.optionalText("method") ?? "?"), signed by the node"
    }
}

/// An argument vector as one line.
enum CommandText {
    /// Words that a shell would split or read otherwise are put in quotes.
    static func shown(_ words: [String]) -> String? {
        guard !words.isEmpty else { return nil }
        return words.map(quoted).joined(separator: " ")
    }

    private static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "/"), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: "@"),
                UInt8(ascii: "+"), UInt8(ascii: "%"):
                true
            default: false
            }
        }
        if isPlain { return word }
        // A quote inside single quotes is written '\''.
        let parts = word.utf8.split(separator: UInt8(ascii: "'"), omittingEmptySubsequences: false).map { String(Substring($0)) }
        return "'" + parts.joined(separator: #"'\''"#) + "'"
    }
}
