// SPDX-License-Identifier: Apache-2.0

/// The completion script for zsh, on its own `_arguments`.
struct ZshCompletion {
    let program: Program

    private var function: String { "_" + program.functionName }

    var script: String {
        """
        #compdef \(program.name)
        # zsh completion of \(program.name) \(program.version), written by `\(program.name) completion zsh`.

        \(function)_dynamic() {
            local home=${(Q)opt_args[--home]:-$\(function)_home}
            local -a found
            found=(${(f)"$($\(function)_program ${home:+--home} ${home:+$home} __complete -- $1 "${(Q)PREFIX}" 2>/dev/null)"})
            compadd -a found
        }

        \(places.map(functionText).joined(separator: "\n"))
        # Loaded with `source` it registers itself; found in $fpath it is called at once.
        if [[ ${funcstack[1]} == \(function) ]]; then
            \(function) "$@"
        else
            compdef \(function) \(program.name)
        fi

        """
    }

    private var places: [CompletionPlace] { program.completionPlaces }

    private func name(of path: [String]) -> String {
        ([function] + path.map { "_" + $0 }).joined()
    }

    private func functionText(_ place: CompletionPlace) -> String {
        place.commands.isEmpty ? leaf(place) : fork(place)
    }

    private func leaf(_ place: CompletionPlace) -> String {
        var specifications = place.named.flatMap(optionSpecifications)
        for (index, parameter) in place.positionals.enumerated() {
            let isLast = index == place.positionals.count - 1
            let position = isLast && place.repeatsLast ? "*" : String(index + 1)
            specifications.append("\(position):\(message(parameter)):\(action(parameter.completion))")
        }
        let lines = specifications.map { "        \(quoted($0))" }.joined(separator: " \\\n")
        return "\(name(of: place.path))() {\n    _arguments -s -S : \\\n\(lines)\n}\n"
    }

    private func fork(_ place: CompletionPlace) -> String {
        let function = name(of: place.path)
        let options = place.named.flatMap(optionSpecifications).map { "        \(quoted($0)) \\\n" }.joined()
        let words = place.commands.map { command in
            let text = "\(command.name):\(command.summary)"
            return "        \(quoted(text))\n"
        }.joined()
        let cases = place.commands.map { command in
            "    \(command.name)) \(name(of: place.path + [command.name])) ;;\n"
        }.joined()
        let isTop = place.path.isEmpty
        let locals = isTop ? "\n    local \(function)_home \(function)_program=$words[1]" : ""
        let keep = isTop ? "\n    \(function)_home=${(Q)opt_args[--home]}" : ""
        return """
            \(function)() {
                local curcontext=$curcontext context state state_descr line
                typeset -A opt_args\(locals)
                local -a commands=(
            \(words)    )
                _arguments -C -s -S -A '-*' : \\
            \(options)        '1: :->command' \\
                    '*:: :->arguments' && return 0
                if [[ $state == command ]]; then
                    _describe -t commands command commands
                    return
                fi
                [[ $state == arguments ]] || return 1\(keep)
                case $line[1] in
            \(cases)    esac
            }

            """
    }

    /// One specification for each spelling; one excludes the other unless the option repeats.
    private func optionSpecifications(_ parameter: Parameter) -> [String] {
        var repeats = false
        if case .option(_, _, repeats: true) = parameter.kind { repeats = true }
        let exclusion = repeats ? "*" : "(\(parameter.spellings.joined(separator: " ")))"
        let help = TextLayout.substituting(["\\": "\\\\", "[": "\\[", "]": "\\]"], in: parameter.help)
        return parameter.spellings.map { spelling in
            guard parameter.takesValue else { return "\(exclusion)\(spelling)[\(help)]" }
            let joint = spelling.utf8.starts(with: "--".utf8) ? "=" : "+"
            return "\(exclusion)\(spelling)\(joint)[\(help)]:\(message(parameter)):\(action(parameter.completion))"
        }
    }

    private func message(_ parameter: Parameter) -> String {
        TextLayout.substituting([":": "\\:"], in: parameter.valueName ?? "")
    }

    private func action(_ completion: ValueCompletion) -> String {
        switch completion {
        case .none: " "
        case .files: "_files"
        case .directories: "_directories"
        case .words(let words): "(\(words.joined(separator: " ")))"
        // The blank in front keeps zsh from adding arguments of its own.
        case .dynamic(let kind): " \(function)_dynamic \(kind)"
        }
    }

    private func quoted(_ text: String) -> String {
        "'" + TextLayout.substituting(["'": "'\\''"], in: text) + "'"
    }
}
