// SPDX-License-Identifier: Apache-2.0

/// The completion script for fish.
struct FishCompletion {
    let program: Program

    private var function: String { "__" + program.functionName }

    var script: String {
        let valued = program.completionPlaces.flatMap(\.named).filter(\.takesValue).flatMap(\.spellings)
        let spellings = Set(valued).sorted().joined(separator: " ")
        return """
            # fish completion of \(program.name) \(program.version), written by `\(program.name) completion fish`.

            # Whether the words so far are those of $argv[2..], and then as many more as $argv[1] says:
            # a number, a number with + for at least so many, or `any`.
            function \(function)_at
                set -l words (commandline -opc)
                set -e words[1]
                set -l found
                set -l skip 0
                for word in $words
                    if test $skip = 1
                        set skip 0
                        continue
                    end
                    switch $word
                        case --
                            return 1
                        case \(spellings)
                            set skip 1
                        case '-*'
                        case '*'
                            set -a found $word
                    end
                end
                set -l more $argv[1]
                set -e argv[1]
                for word in $argv
                    test "$found[1]" = $word; or return 1
                    set -e found[1]
                end
                switch $more
                    case any
                        return 0
                    case '*+'
                        test (count $found) -ge (string trim -r -c + -- $more)
                    case '*'
                        test (count $found) -eq $more
                end
            end

            # The words of kind $argv[1], from the program itself.
            function \(function)_words
                set -l words (commandline -opc)
                set -l call $words[1]
                if set -l index (contains -i -- --home $words)
                    set -a call --home $words[(math $index + 1)]
                end
                $call __complete -- $argv[1] '' 2>/dev/null
            end

            complete -c \(program.name) -f
            \(program.completionPlaces.flatMap(lines).joined(separator: "\n"))

            """
    }

    private func lines(_ place: CompletionPlace) -> [String] {
        let path = place.path.isEmpty ? "" : " " + place.path.joined(separator: " ")
        let commands = place.commands.map { command in
            start("0\(path)") + " -a \(command.name) -d \(quoted(command.summary))"
        }
        // Options of every command are told once, for the place where no command is known yet.
        let own = place.path.isEmpty ? place.named : place.named.filter { !program.globals.contains($0) }
        let options = own.map { parameter in
            let letter = parameter.letter.map { " -s \($0)" } ?? ""
            return start("any\(path)") + " -l \(parameter.name)\(letter)\(value(parameter)) -d \(quoted(parameter.help))"
        }
        let words = place.positionals.enumerated().compactMap { index, parameter -> String? in
            guard let offered = offer(parameter.completion) else { return nil }
            let isRepeated = index == place.positionals.count - 1 && place.repeatsLast
            return start("\(index)\(isRepeated ? "+" : "")\(path)") + offered
        }
        return commands + options + words
    }

    private func start(_ condition: String) -> String {
        "complete -c \(program.name) -n '\(function)_at \(condition)'"
    }

    private func value(_ parameter: Parameter) -> String {
        guard parameter.takesValue else { return "" }
        return parameter.completion == .files ? " -r -F" : " -x\(offer(parameter.completion) ?? "")"
    }

    private func offer(_ completion: ValueCompletion) -> String? {
        switch completion {
        case .none: nil
        case .files: " -F"
        case .directories: " -a '(__fish_complete_directories)'"
        case .words(let words): " -a \(quoted(words.joined(separator: " ")))"
        case .dynamic(let kind): " -a '(\(function)_words \(kind))'"
        }
    }

    private func quoted(_ text: String) -> String {
        "'" + TextLayout.substituting(["\\": "\\\\", "'": "\\'"], in: text) + "'"
    }
}
