// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a program says of itself: every command with its options and exit statuses, read from the manual page that it
/// writes from its declarations.
struct DeclaredCommands {
    struct Command {
        /// With the program's name in front: `stint policy apply`.
        let name: String
        /// Long names, with their dashes.
        var options: Set<String> = []
        /// What its own page documents beside the program's.
        var statuses: Set<Int32> = []
    }

    private(set) var commands: [Command] = []
    private(set) var globals: Set<String> = []
    private(set) var statuses: Set<Int32> = []
    /// Long names by their letters, with their dashes.
    private(set) var letters: [String: String] = [:]
    let program: String

    static func of(_ executable: String) throws -> DeclaredCommands {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["__manual"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return DeclaredCommands(program: (executable as NSString).lastPathComponent, manual: text)
    }

    init(program: String, manual: String) {
        self.program = program
        var section = ""
        for line in manual.components(separatedBy: "\n") {
            if line.hasPrefix(".Sh ") { section = String(line.dropFirst(4)) }
            if line.hasPrefix(".Ss ") { commands.append(Command(name: String(line.dropFirst(4)))) }
            if line.hasPrefix(".It ") { take(item: line.split(separator: " ").dropFirst().map(String.init), in: section) }
        }
    }

    /// `.It Fl r , Fl -reason Ar TEXT`, or `.It 3`.
    private mutating func take(item words: [String], in section: String) {
        if let status = words.first.flatMap({ Int32($0) }) {
            if section == "EXIT STATUS" { statuses.insert(status) } else { commands[commands.count - 1].statuses.insert(status) }
        }
        let names = words.indices.filter { words[$0] == "Fl" && $0 + 1 < words.count }.map { "-" + words[$0 + 1] }
        guard let name = names.first(where: { $0.hasPrefix("--") && $0 != "--" }) else { return }
        if let letter = names.first(where: { !$0.hasPrefix("--") }) { letters[letter] = name }
        if section == "COMMANDS" { commands[commands.count - 1].options.insert(name) } else { globals.insert(name) }
    }

    /// What a line of words calls: the command and the options that stand before `--`. `nil` for none of the program's.
    func call(_ words: [String]) -> (command: String, options: Set<String>)? {
        guard words.first == program else { return nil }
        let own = words.dropFirst().prefix { $0 != "--" }
        let options = own.filter { $0.hasPrefix("-") && $0 != "-" }.map { word in
            word.hasPrefix("--") ? String(word.prefix { $0 != "=" }) : letters[String(word.prefix(2))] ?? word
        }
        let plain = own.filter { !$0.hasPrefix("-") }
        let known = Set(commands.map(\.name))
        // The value of an option may stand before the command.
        for start in plain.indices {
            let first = "\(program) \(plain[start])"
            if let second = plain[(start + 1)...].first, known.contains("\(first) \(second)") { return ("\(first) \(second)", Set(options)) }
            if known.contains(first) { return (first, Set(options)) }
            // A family without a second word is its standard command.
            if let standard = commands.first(where: { $0.name == "\(first) list" || $0.name == "\(first) show" }) { return (standard.name, Set(options)) }
        }
        return (program, Set(options))
    }
}

/// Words of a command line, as a shell takes them apart.
enum ShellLine {
    /// Each command of the line, as its words, from the first that names a program of ours.
    static func calls(in line: String, of programs: [String]) -> [[String]] {
        var commands: [[String]] = [[]]
        var word: String?
        var quote: Character?
        func end() {
            if let whole = word { commands[commands.count - 1].append(whole) }
            word = nil
        }
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if "|;&()<>`\n".contains(character) {
                end()
                commands.append([])
            } else if character == " " {
                end()
            } else {
                word = (word ?? "") + String(character)
            }
        }
        end()
        // A user may be called like a program: `sudo -u stint stintd init`.
        return commands.compactMap { words in
            words.indices.first { programs.contains(words[$0]) && (words.dropFirst($0 + 1).first.map { !programs.contains($0) } ?? true) }
                .map { Array(words[$0...]) }
        }
    }
}
