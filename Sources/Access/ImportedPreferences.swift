// SPDX-License-Identifier: Apache-2.0

package import StrictJSON

/// The session preferences of AWS Systems Manager, as rules of ours: its JSON document with `schemaVersion` and `inputs`
/// (AWS Systems Manager user guide, "Session document schema").
package struct ImportedPreferences: Sendable, Equatable {
    package struct Note: Sendable, Equatable {
        package let key: String
        /// Whether the rules hold what the key says.
        package let isMapped: Bool
        package let message: String
    }

    package private(set) var settings = SessionSettings()
    /// What becomes of each key that says something.
    package private(set) var notes: [Note] = []

    /// - Throws: for what is no such document.
    package init(_ value: JSONValue) throws(JSONError) {
        var reader = try ObjectReader(value)
        let version = try reader.string("schemaVersion", maximum: 16)
        guard version == "1.0" else { throw reader.unacceptable("schemaVersion", "`\(version)` is not known", hint: "Only 1.0 is.") }
        for key in ["description", "sessionType", "parameters", "properties"] { _ = reader.optionalValue(key) }
        var inputs = try reader.object("inputs")
        try readTimes(&inputs)
        try readUser(&inputs)
        try readProfile(&inputs)
        for key in inputs.keys where !Self.understood.contains(key) {
            let value = inputs.optionalValue(key)
            guard value != .string(""), value != .bool(false), value != .null else { continue }
            add(key, false, Self.logging.contains(key) ? "Recordings are always made, by the broker." : "There is no such setting.")
        }
        try reader.finish()
    }

    private static let understood: Set<String> = [
        "idleSessionTimeout", "maxSessionDuration", "runAsEnabled", "runAsDefaultUser", "shellProfile",
    ]
    private static let logging: Set<String> = [
        "s3BucketName", "s3KeyPrefix", "s3EncryptionEnabled", "cloudWatchLogGroupName", "cloudWatchEncryptionEnabled",
        "cloudWatchStreamingEnabled", "kmsKeyId",
    ]

    private mutating func add(_ key: String, _ isMapped: Bool, _ message: String) {
        notes.append(Note(key: key, isMapped: isMapped, message: message))
    }

    private mutating func readTimes(_ inputs: inout ObjectReader) throws(JSONError) {
        if let minutes = try Self.minutes("idleSessionTimeout", in: 1...60, &inputs) {
            settings.idleLimit = .seconds(minutes * 60)
            add("idleSessionTimeout", true, "idleLimit: \(DurationText.format(.seconds(minutes * 60)))")
        }
        if let minutes = try Self.minutes("maxSessionDuration", in: 1...1440, &inputs) {
            settings.sessionMaximum = .seconds(minutes * 60)
            add("maxSessionDuration", true, "sessionMaximum: \(DurationText.format(.seconds(minutes * 60)))")
        }
    }

    /// The document has numbers as texts; an empty one sets nothing.
    private static func minutes(
        _ key: String, in range: ClosedRange<Int64>, _ inputs: inout ObjectReader
    ) throws(JSONError) -> Int64? {
        guard let text = try inputs.optionalString(key, maximum: 8), !text.isEmpty else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw inputs.unacceptable(key, "`\(text)` is not a number of minutes from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private mutating func readUser(_ inputs: inout ObjectReader) throws(JSONError) {
        let isEnabled = try inputs.optionalBool("runAsEnabled") ?? false
        let user = try inputs.optionalString("runAsDefaultUser", maximum: 128) ?? ""
        if isEnabled {
            let users = user.isEmpty ? #"["${person.login}"]"# : #"["${person.login}", "\#(user)"]"#
            add("runAsEnabled", false, "Users stand in entitlements: write runAs: \(users) there, and give people the attribute `login`.")
        } else if !user.isEmpty {
            add("runAsDefaultUser", false, "It is not in force there, because runAsEnabled is false.")
        }
    }

    private mutating func readProfile(_ inputs: inout ObjectReader) throws(JSONError) {
        guard var profile = try inputs.optionalObject("shellProfile") else { return }
        let linux = try profile.optionalString("linux", maximum: 4096) ?? ""
        if let windows = try profile.optionalString("windows", maximum: 4096), !windows.isEmpty {
            add("shellProfile.windows", false, "There are no such nodes.")
        }
        try profile.finish()
        let lines = linux.utf8.split(separator: UInt8(ascii: "\n")).map { String(Substring($0)) }.filter { !$0.isEmpty }
        guard !lines.isEmpty else { return }
        guard lines.count <= SessionSettings.maximumCommands, lines.allSatisfy({ SessionSettings.isLine($0) && $0.utf8.count <= 1024 }) else {
            return add("shellProfile.linux", false, "It has too many or too long lines, or control characters.")
        }
        settings.commands = lines
        add("shellProfile.linux", true, "commands: \(lines.count) \(lines.count == 1 ? "line" : "lines"), run before the login shell")
    }
}
