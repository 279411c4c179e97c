// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import StrictJSON
import Terminal

/// What every command was told: which home, and for whom to write.
struct CommandSetting: Sendable {
    let home: String?
    /// Whether a script reads it.
    let json: Bool
    private let lines: Bool

    init(_ values: ParsedValues) {
        home = values.value(Parameter.home.name)
        lines = values.flag(Parameter.jsonLines.name)
        json = lines || values.flag(Parameter.json.name)
    }

    func clientHome() throws(ClientError) -> ClientHome { try ClientHome(given: home) }

    /// - Parameter isDialling: whether the broker is asked something in any case.
    func signIn(isDialling: Bool = false) throws -> Operator { try Operator(try clientHome(), isDialling: isDialling) }

    /// An object: as the API gives it for scripts, in words for people.
    func show(_ answer: JSONValue, in console: Console, _ words: () -> String) {
        console.output(json ? (lines ? answer.text : answer.pretty) + "\n" : words())
    }

    /// A list: an array for scripts; a table for people, or a sentence where it is empty.
    func show(_ rows: [Answer], _ table: Table, nothing: String, in console: Console) {
        if lines {
            for row in rows { console.output(row.json.text + "\n") }
        } else if json {
            console.output(JSONValue.array(rows.map(\.json)).pretty + "\n")
        } else if table.isEmpty {
            console.errors(nothing + "\n")
        } else {
            console.output(table.text(width: console.width, style: console.style))
        }
    }
}

/// Text of others, fit for a terminal.
func shown(_ text: String) -> String { DisplayText.escaped(text) }

extension ParsedValues {
    /// The value as `read` understands it; what is malformed is a usage error in the words of the domain.
    func parsed<Value>(_ name: String, _ read: (String) throws(Refusal) -> Value) throws(UsageError) -> Value? {
        guard let text = value(name) else { return nil }
        return try Self.understood { () throws(Refusal) in try read(text) }
    }

    func requiredParsed<Value>(_ name: String, _ read: (String) throws(Refusal) -> Value) throws(UsageError) -> Value {
        let text = required(name)
        return try Self.understood { () throws(Refusal) in try read(text) }
    }

    /// A list with commas, `a,b`; nil when it was left out, empty for an empty text.
    func list<Value>(_ name: String, _ read: (String) throws(Refusal) -> Value) throws(UsageError) -> [Value]? {
        guard let text = value(name) else { return nil }
        var values: [Value] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: text.isEmpty) {
            values.append(try Self.understood { () throws(Refusal) in try read(String(Substring(part))) })
        }
        return values
    }

    /// `--field NAME=VALUE`, as often as given.
    func fields() throws(UsageError) -> [String: String] {
        var fields: [String: String] = [:]
        for text in many("field") {
            guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")), equals > text.startIndex else {
                throw UsageError(
                    code: "usage.bad-value", message: "`\(text)` is not a value of `--field`.", hint: "Write NAME=VALUE.")
            }
            fields[String(text[..<equals])] = String(text[text.utf8.index(after: equals)...])
        }
        return fields
    }

    static func understood<Value>(_ read: () throws(Refusal) -> Value) throws(UsageError) -> Value {
        do throws(Refusal) {
            return try read()
        } catch {
            throw UsageError(error)
        }
    }
}

extension GrantID {
    /// A grant by its own id or by that of its request, whose characters it shares.
    init(ofGrantOrRequest text: String) throws(Refusal) {
        if text.utf8.count == 8, text.utf8.first.map({ $0 | 0x20 }) == UInt8(ascii: "r") {
            self = try RequestID(text).sibling()
        } else {
            try self.init(text)
        }
    }
}

extension Parameter {
    static func requestID(_ help: String) -> Parameter {
        .positional("id", value: "ID", completes: .requests, help: help)
    }

    static let watch = Parameter.flag("watch", "w", help: "Show it again when it changes, until Ctrl-C.")
    static let on = Parameter.option(
        "on", value: "SELECTOR", completes: .nodes, help: "Which nodes, as env=prod,role=db|cache, or a node's name.")
    static let duration = Parameter.option("for", value: "DURATION", help: "How long, as 30m or 1h30m.")
    static let note = Parameter.option("note", value: "TEXT", help: "A note that others will read.")
    static let runAs = Parameter.option("as", value: "USER", help: "The user on the node to run as.")
    static let yes = Parameter.flag("yes", "y", help: "Do not ask whether to go on.")
}

extension UsageError {
    /// What a part of the command line was refused for.
    init(_ error: some Explainable) { self.init(code: error.code, message: error.message, hint: error.hint) }
}
