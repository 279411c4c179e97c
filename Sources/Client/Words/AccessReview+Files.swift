// SPDX-License-Identifier: Apache-2.0
// SECURITY: reasons, notes and commands are of others. In a table they are cells and never formulas, in a page they are
// text and never markup.

import Access

// MARK: CSV

extension AccessReview {
    private static let columns = [
        "grant", "holder", "state", "entitlement", "nodes", "run as", "capabilities", "reason", "fields", "approved by", "requested",
        "from", "to", "ended because", "session", "node", "kind", "command", "started", "ended", "end", "processes ended",
        "processes left", "bytes shown", "recording",
    ]

    /// RFC 4180, one line for each session, and one for a grant without any.
    var csv: String {
        var lines = [Self.columns]
        for grant in grants {
            let cells = cells(of: grant)
            let sessions = grant.objects("sessions").map(self.cells(ofSession:))
            for session in sessions.isEmpty ? [Array(repeating: "", count: 11)] : sessions { lines.append(cells + session) }
        }
        return lines.map { $0.map(Self.cell).joined(separator: ",") + "\r\n" }.joined()
    }

    private func cells(of grant: Answer) -> [String] {
        [
            id(grant), grant.optionalText("holder") ?? "", grant.optionalText("state") ?? "", grant.optionalText("entitlement") ?? "",
            grant.texts("nodes").joined(separator: " "), grant.optionalText("runAs") ?? "",
            grant.texts("capabilities").joined(separator: " "), grant.optionalText("reason") ?? "",
            grant.pairs("fields").map { $0.key + "=" + $0.value }.joined(separator: "; "), approvers(grant).joined(separator: "; "),
            moment(grant, "requestedAt"), moment(grant, "notBefore"),
            moment(grant, grant.optionalText("endedAt") == nil ? "notAfter" : "endedAt"), grant.optionalText("endReason") ?? "",
        ]
    }

    private func cells(ofSession session: Answer) -> [String] {
        [
            session.optionalText("id") ?? "", session.optionalText("node") ?? "", session.optionalText("capability") ?? "",
            CommandText.shown(session.texts("command")) ?? "", moment(session, "startedAt"), moment(session, "endedAt"),
            session.optionalText("endReason") ?? "", number(session, "killed"), number(session, "left"), number(session, "outputBytes"),
            session.optionalText("recording") ?? "",
        ]
    }

    private func number(_ answer: Answer, _ key: String) -> String { answer.optionalInteger(key).map { String($0) } ?? "" }

    /// A spreadsheet takes a cell that begins like a formula for one, also behind white space; an apostrophe says it is text.
    static func cell(_ text: String) -> String {
        let visible = shown(text)
        let first = visible.unicodeScalars.first { !$0.properties.isWhitespace }
        let begins: Set<Unicode.Scalar> = ["=", "+", "-", "@", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}", "|", "%"]
        let safe = first.map(begins.contains) == true ? "'" + visible : visible
        var quoted = String.UnicodeScalarView()
        for scalar in safe.unicodeScalars {
            if scalar == "\"" { quoted.append(scalar) }
            quoted.append(scalar)
        }
        return "\"" + String(quoted) + "\""
    }
}

// MARK: HTML

extension AccessReview {
    /// One page that needs nothing else: no script, no picture, nothing from elsewhere.
    var html: String {
        let total = total
        let title = "Access from \(TimeText.utc(since)) to \(TimeText.utc(until))"
        var page = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(Self.escaped(title))</title>
            <style>\(Self.style)</style>
            </head>
            <body>
            <h1>\(Self.escaped(title))</h1>
            <p>As <b>\(Self.escaped(reader))</b> may see it: \(summary(total)).</p>

            """
        if !total.remarks.isEmpty {
            page += "<h2>To look at</h2>\n<ul class=\"remarks\">\n"
            page += total.remarks.map { "<li>\(Self.escaped($0))</li>\n" }.joined() + "</ul>\n"
        }
        for grant in grants { page += section(grant) }
        return page + "</body>\n</html>\n"
    }

    private func section(_ grant: Answer) -> String {
        let state = grant.optionalText("state") ?? ""
        var text = "<section>\n<h2>\(Self.escaped(grant.optionalText("holder") ?? "?")) <small>\(Self.escaped(id(grant))), \(Self.escaped(state))</small></h2>\n<dl>\n"
        let fields = [
            ("What", what(grant)), ("When", held(grant)), ("Why", grant.optionalText("reason") ?? ""),
            ("Stated", grant.pairs("fields").map { $0.key + "=" + $0.value }.joined(separator: ", ")),
            ("Agreed", approvers(grant).joined(separator: "; ")), ("Ended", grant.optionalText("endReason") ?? ""),
        ]
        for (name, value) in fields where !value.isEmpty { text += "<dt>\(name)</dt><dd>\(Self.escaped(value))</dd>\n" }
        text += "</dl>\n"
        let sessions = grant.objects("sessions")
        guard !sessions.isEmpty else { return text + "</section>\n" }
        text += "<table>\n<tr><th>Session</th><th>Started</th><th>Ended</th><th>What was done</th><th>Recording</th></tr>\n"
        for session in sessions {
            let cells = [
                session.optionalText("id") ?? "", moment(session, "startedAt"), moment(session, "endedAt"), done(session),
                session.optionalText("recording") ?? "",
            ]
            text += "<tr>" + cells.map { "<td>\(Self.escaped($0))</td>" }.joined() + "</tr>\n"
        }
        return text + "</table>\n</section>\n"
    }

    private static let style = """
        body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1b1b;background:#fff}\
        h1{font-size:1.4rem}h2{font-size:1.1rem;margin:0 0 .4rem}small{font-weight:400;color:#555}\
        section{border-top:1px solid #ccc;padding:1rem 0;break-inside:avoid}dl{display:grid;grid-template-columns:6rem 1fr;gap:.15rem .8rem;margin:0}\
        dt{color:#555}dd{margin:0;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%;margin-top:.7rem;font-size:.92em}\
        th,td{text-align:left;vertical-align:top;border-bottom:1px solid #e3e3e3;padding:.3rem .6rem .3rem 0;overflow-wrap:anywhere}\
        th{color:#555;font-weight:600;white-space:nowrap}td:nth-child(-n+3){white-space:nowrap}.remarks li{color:#8a2500}
        """

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in shown(text).unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
