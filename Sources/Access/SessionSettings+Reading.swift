// SPDX-License-Identifier: Apache-2.0
// SECURITY: see Policy+Parsing.swift. A setting reaches a program, so its form is checked here, once, by everybody.

package import StrictJSON

extension Preferences {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        let name = try reader.understood("name") { text throws(Refusal) in try RuleName(text) }
        let nodes = try reader.understood("nodes") { text throws(Refusal) in try Selector(text) }
        self.init(name: name, nodes: nodes, settings: try SessionSettings(&reader))
        try reader.finish()
    }
}

extension SessionSettings {
    package static let maximumCommands = 32
    package static let maximumVariables = 64
    private static let maximumText = 1024

    /// Reads the keys of settings; others are left for the caller.
    package init(_ reader: inout ObjectReader) throws(JSONError) {
        self.init()
        sessionMaximum = try reader.length("sessionMaximum", in: 60...86_400)
        idleLimit = try reader.length("idleLimit", in: 60...3600)
        shell = try reader.path("shell")
        directory = try reader.path("directory")
        commands = try reader.optionalStrings("commands", maximum: Self.maximumCommands, maximumBytes: Self.maximumText) ?? []
        if let index = commands.firstIndex(where: { !Self.isLine($0) }) {
            throw reader.unacceptable("commands[\(index)]", "it is not one line of text")
        }
        try readEnvironment(&reader)
        minimumUserID = try reader.optionalInteger("minimumUserID", in: 0...4_000_000_000) ?? 0
        noNewPrivileges = try reader.optionalBool("noNewPrivileges") ?? false
        greets = try reader.optionalBool("greets") ?? false
        keepsLoginRecord = try reader.optionalBool("keepsLoginRecord") ?? false
        if var limits = try reader.optionalObject("limits") {
            for limit in Limit.allCases { self.limits[limit] = try limits.optionalInteger(limit.rawValue, in: 0...Int64.max) }
            try limits.finish()
        }
        try readPowers(&reader)
    }

    private mutating func readEnvironment(_ reader: inout ObjectReader) throws(JSONError) {
        guard var variables = try reader.optionalObject("environment") else { return }
        let names = variables.keys
        guard names.count <= Self.maximumVariables else { throw reader.unacceptable("environment", "it has too many variables") }
        for name in names {
            let value = try variables.string(name, maximum: Self.maximumText)
            guard Self.isVariable(name), Self.isLine(value) || value.isEmpty else {
                throw variables.unacceptable(
                    name, "it is not for a policy to set", hint: "Names are A-Z, 0-9 and `_`; PATH, IFS, LD_… and STINT_… are kept.")
            }
            environment[name] = value
        }
        try variables.finish()
    }

    private mutating func readPowers(_ reader: inout ObjectReader) throws(JSONError) {
        if var account = try reader.optionalObject("account") {
            let groups = try account.optionalList("groups", maximum: 16) { text throws(Refusal) in try RunAsName(user: text) }
            self.account = Account(home: try account.choice("home") ?? .wipe, groups: groups ?? [])
            try account.finish()
        }
        if let commands = try reader.optionalStrings("sudo", maximum: 32) {
            for (index, command) in commands.enumerated() where !Self.isSudoCommand(command) {
                throw reader.unacceptable(
                    "sudo[\(index)]", "`\(command)` is no command for sudo",
                    hint: "Write `ALL`, or a program by its whole path with plain arguments.")
            }
            guard !commands.isEmpty, !noNewPrivileges else {
                throw reader.unacceptable("sudo", commands.isEmpty ? "it names no command" : "`noNewPrivileges` makes sudo impossible")
            }
            sudo = commands
        }
    }

    private static func isVariable(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, bytes.count <= 64, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
        let kept = ["PATH", "IFS", "ENV", "BASH_ENV", "HOME", "USER", "LOGNAME", "SHELL", "TERM"]
        return !kept.contains(name) && !name.hasPrefix("LD_") && !name.hasPrefix("STINT_")
            && bytes.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
    }

    static func isLine(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }

    /// `ALL`, or an absolute path and words without anything that sudoers(5) reads as syntax.
    private static func isSudoCommand(_ text: String) -> Bool {
        if text == "ALL" { return true }
        let words = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard text.utf8.count <= 256, let program = words.first, program.first == UInt8(ascii: "/"),
            ParameterRule.isPlainPath(program.dropFirst())
        else { return false }
        return words.allSatisfy { word in !word.isEmpty && word.allSatisfy { ValuePattern.isWordByte($0) || $0 == UInt8(ascii: "/") } }
    }

    /// The settings as a node keeps them, in the form that ``init(_:)`` reads.
    package var json: JSONValue {
        var object: JSONObject = [:]
        if let sessionMaximum { object["sessionMaximum"] = .string(DurationText.format(sessionMaximum)) }
        if let idleLimit { object["idleLimit"] = .string(DurationText.format(idleLimit)) }
        if let shell { object["shell"] = .string(shell) }
        if let directory { object["directory"] = .string(directory) }
        if !commands.isEmpty { object["commands"] = .array(commands.map { .string($0) }) }
        if !environment.isEmpty { object["environment"] = .object(Self.object(environment.mapValues { .string($0) })) }
        if minimumUserID > 0 { object["minimumUserID"] = .integer(minimumUserID) }
        if noNewPrivileges { object["noNewPrivileges"] = .bool(true) }
        if greets { object["greets"] = .bool(true) }
        if keepsLoginRecord { object["keepsLoginRecord"] = .bool(true) }
        if !limits.isEmpty {
            object["limits"] = .object(
                Self.object(Dictionary(uniqueKeysWithValues: limits.map { ($0.rawValue, JSONValue.integer($1)) })))
        }
        if let account {
            var inner: JSONObject = ["home": .string(account.home.rawValue)]
            if !account.groups.isEmpty { inner["groups"] = .array(account.groups.map { .string($0.text) }) }
            object["account"] = .object(inner)
        }
        if let sudo { object["sudo"] = .array(sudo.map { .string($0) }) }
        return .object(object)
    }

    private static func object(_ values: [String: JSONValue]) -> JSONObject {
        var object: JSONObject = [:]
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { object[key] = value }
        return object
    }
}

extension ObjectReader {
    /// An absolute path of plain names.
    fileprivate mutating func path(_ key: String) throws(JSONError) -> String? {
        guard let text = try optionalString(key, maximum: 256) else { return nil }
        guard text == "/" || (text.utf8.first == UInt8(ascii: "/") && ParameterRule.isPlainPath(text.utf8.dropFirst())) else {
            throw unacceptable(key, "`\(text)` is not an absolute path of plain names")
        }
        return text
    }
}
