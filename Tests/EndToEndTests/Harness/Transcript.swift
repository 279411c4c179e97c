// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What was typed, what it showed and how it ended, as people read it: Tests/EndToEndTests/Transcripts/README.md.
struct Transcript {
    /// One command line of a person (or of who runs the broker or a node) and what came of it.
    struct Step {
        let line: Int
        /// Whose shell it is: a person, `broker`, or a node.
        let who: String
        let command: String
        var output: [String] = []
        var errors: [String] = []
        var status: Int32?

        var text: [String] {
            ["\(who)$ \(command)"] + output.map { Self.marked(">", $0) } + errors.map { Self.marked("!", $0) } + ["= \(status ?? -1)"]
        }

        private static func marked(_ mark: String, _ line: String) -> String { line.isEmpty ? mark : "\(mark) \(line)" }
    }

    enum Part {
        /// A remark, or an empty line.
        case remark(String)
        case step(Step)
    }

    /// The directory they lie in, beside this one.
    static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Transcripts").path

    let name: String
    var parts: [Part]

    var steps: [Step] { parts.compactMap { if case .step(let step) = $0 { step } else { nil } } }

    /// All of them, in the order in which they are replayed.
    static func all() throws -> [Transcript] {
        try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".transcript") }.sorted()
            .map { try Transcript(named: $0) }
    }

    init(named name: String) throws {
        self.name = name
        parts = []
        let text = try String(contentsOfFile: "\(Self.directory)/\(name)", encoding: .utf8)
        var lines = text.components(separatedBy: "\n")
        if lines.last == "" { lines.removeLast() }
        for (index, line) in lines.enumerated() { try add(line, number: index + 1) }
    }

    private mutating func add(_ line: String, number: Int) throws {
        let content = String(line.dropFirst(2))
        if case .step(var step) = parts.last, let mark = line.first, ">!=".contains(mark) {
            switch mark {
            case ">": step.output.append(content)
            case "!": step.errors.append(content)
            default: step.status = Int32(content)
            }
            parts[parts.count - 1] = .step(step)
        } else if line.isEmpty || line.hasPrefix("# ") {
            parts.append(.remark(line))
        } else if let prompt = line.range(of: "$ "), !line[..<prompt.lowerBound].contains(" ") {
            parts.append(.step(Step(line: number, who: String(line[..<prompt.lowerBound]), command: String(line[prompt.upperBound...]))))
        } else {
            throw HarnessError("\(name):\(number): neither a remark, nor a command, nor what one showed: \(line)")
        }
    }

    func write() throws {
        let lines = parts.flatMap { part in
            switch part {
            case .remark(let line): [line]
            case .step(let step): step.text
            }
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: "\(Self.directory)/\(name)"))
    }
}

/// Words in the place of what differs from run to run. An id keeps its letter and gets a number, so that the next command
/// can name it: `r-#1` and `g-#1` have the characters of the same request.
struct Placeholders {
    private let address: String
    private let fixed: [(String, String)]
    private var ids: [String] = []

    init(directory: String, address: String) {
        self.address = address
        fixed = [
            (directory, "DIR"), (address, "HOST:PORT"), (String(address.split(separator: ":").last ?? ""), "PORT"),
            ("  \(ProcessInfo.processInfo.hostName)", "  MACHINE"), (" \(ProcessInfo.processInfo.hostName),", " MACHINE,"),
        ]
    }

    /// A command line as it is run.
    func resolved(_ command: String) -> String {
        var command = command.replacingOccurrences(of: "HOST:PORT", with: address)
        for (index, id) in ids.enumerated().reversed() { command = command.replacingOccurrences(of: "#\(index + 1)", with: id) }
        return command
    }

    /// The lines of what was shown, with placeholders.
    ///
    /// - Parameter typed: the command line. An id that stands in it as it is stays as it is.
    mutating func lines(_ text: String, typed: String) -> [String] {
        // On a raw terminal a line ends with a return as well.
        var text = text.replacingOccurrences(of: "\r\n", with: "\n")
        for (actual, name) in fixed { text = text.replacingOccurrences(of: actual, with: name) }
        for (pattern, name) in Self.early { text = Self.replace(pattern, in: text, with: name) }
        replaceIDs(in: &text, typed: typed)
        for (pattern, name) in Self.patterns { text = Self.replace(pattern, in: text, with: name) }
        var lines = text.components(separatedBy: "\n")
        if lines.last == "" { lines.removeLast() } else { lines[lines.count - 1] += " (no newline)" }
        return lines.map(Self.withoutPadding)
    }

    private mutating func replaceIDs(in text: inout String, typed: String) {
        for id in Self.matches("(?<![A-Za-z0-9-])[rgsp]-[0-9a-z]{6}(?![0-9A-Za-z])", in: text) {
            let characters = String(id.dropFirst(2))
            // The ids of examples, and of what there is not.
            guard !["7k2p9x", "000000"].contains(characters), !typed.contains(characters) else { continue }
            if !ids.contains(characters) { ids.append(characters) }
        }
        for (index, id) in ids.enumerated() { text = text.replacingOccurrences(of: "-\(id)", with: "-#\(index + 1)") }
    }

    /// Before ids are looked for: a digest may look like one.
    private static let early = [
        ("stint1?[.:_-][A-Za-z0-9_=-]{60,}", "TOKEN"), ("\\b[0-9a-f]{64}\\b", "DIGEST"), ("\\b[0-9a-f]{16,63}\\b", "HEX"),
        ("\"[A-Za-z0-9+/_-]{22,}={0,2}\"", "\"BYTES\""),
    ]

    private static let patterns = [
        ("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z", "TIME"), ("\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d(:\\d\\d)? UTC", "TIME"),
        ("\\b\\d\\d:\\d\\d:\\d\\d( UTC)?", "CLOCK"), ("\\b1[6-9]\\d{11}\\b", "MILLISECONDS"),
        ("by process \\d+", "by process N"), ("\\b\\d+ entries, the last", "N entries, the last"), ("up to entry \\d+", "up to entry N"),
        ("\\b[1-9]\\d* process(es)? killed", "SOME processes killed"),
        ("\\bin \\d+ (d|h|min|s)( \\d+ (h|min))?\\b", "in A WHILE"), ("\\b\\d+ (d|h|min|s) ago\\b", "A WHILE ago"),
        ("\\bfor \\d+ (d|h|min|s)( \\d+ (h|min))?\\b", "for A WHILE"), ("(?<=  |, )now(?=  |,|\n|$)", "A WHILE ago"),
    ]

    /// Columns are as wide as what stands in them, which differs; that they are straight is tested elsewhere.
    private static func withoutPadding(_ line: String) -> String {
        let indent = line.prefix { $0 == " " }
        return indent + replace(" {2,}", in: String(line.dropFirst(indent.count)), with: "  ")
    }

    private static func replace(_ pattern: String, in text: String, with name: String) -> String {
        text.replacingOccurrences(of: pattern, with: name, options: .regularExpression)
    }

    private static func matches(_ pattern: String, in text: String) -> [String] {
        var found: [String] = []
        var rest = text.startIndex..<text.endIndex
        while let range = text.range(of: pattern, options: .regularExpression, range: rest) {
            found.append(String(text[range]))
            rest = range.upperBound..<text.endIndex
        }
        return found
    }
}
