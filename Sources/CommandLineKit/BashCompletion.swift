// SPDX-License-Identifier: Apache-2.0

/// The completion script for bash 4 and later.
struct BashCompletion {
    let program: Program

    var script: String {
        let function = "_" + program.functionName
        return """
            # bash completion of \(program.name) \(program.version), written by `\(program.name) completion bash`.

            # What can be written after the words of $path.
            \(function)_at() {
                commands='' options='' positions=() repeats=
                case $path in
            \(program.completionPlaces.map(place).joined(separator: "\n"))
                esac
            }

            # What the value of option $1 is, after the words of $path; fails when it takes none.
            \(function)_kind() {
                case "$path $1" in
            \(kinds)
                *) return 1 ;;
                esac
            }

            # Offers what completes $cur as a value of $kind.
            \(function)_offer() {
                case $kind in
                files) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); compopt -o filenames ;;
                directories) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); compopt -o filenames ;;
                words:*) mapfile -t COMPREPLY < <(compgen -W "${kind#words:}" -- "$cur") ;;
                dynamic:*)
                    mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" ${home:+--home "$home"} \
            __complete -- "${kind#dynamic:}" "$cur" 2>/dev/null) ;;
                esac
            }

            \(function)() {
                local cur=${COMP_WORDS[COMP_CWORD]} path='' kind='' home='' commands options repeats
                local word i value count=0
                local -a positions
                COMPREPLY=()
                \(function)_at
                for ((i = 1; i < COMP_CWORD; i++)); do
                    word=${COMP_WORDS[i]}
                    case $word in
                    --) return ;;
                    -*)
                        \(function)_kind "$word" || continue
                        value=$((i + 1))
                        # Bash makes a word of its own of the `=` in --name=value.
                        [[ ${COMP_WORDS[value]} == = ]] && value=$((value + 1))
                        if ((value >= COMP_CWORD)); then
                            [[ $cur == = ]] && cur=
                            \(function)_offer
                            return
                        fi
                        [[ $word == --home ]] && home=${COMP_WORDS[value]}
                        i=$value ;;
                    *)
                        if [[ " $commands " == *" $word "* ]]; then
                            path="${path:+$path }$word"
                            \(function)_at
                        else
                            count=$((count + 1))
                        fi ;;
                    esac
                done
                if [[ $cur == -* ]]; then
                    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
                elif [[ -n $commands ]]; then
                    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
                else
                    ((count >= ${#positions[@]})) && [[ -n $repeats ]] && count=$((${#positions[@]} - 1))
                    kind=${positions[count]-}
                    \(function)_offer
                fi
            }

            complete -F \(function) \(program.name)

            """
    }

    private func place(_ place: CompletionPlace) -> String {
        let commands = place.commands.map(\.name).joined(separator: " ")
        let options = place.named.flatMap(\.spellings).joined(separator: " ")
        let positions = place.positionals.map { "'\(kind(of: $0.completion))'" }.joined(separator: " ")
        let repeats = place.repeatsLast ? "1" : ""
        return "    '\(place.path.joined(separator: " "))') commands='\(commands)' options='\(options)' "
            + "positions=(\(positions)) repeats=\(repeats) ;;"
    }

    private var kinds: String {
        let ofAll = program.globals.filter(\.takesValue).map { parameter in
            let patterns = parameter.spellings.map { "*' \($0)'" }.joined(separator: " | ")
            return "    \(patterns)) kind='\(kind(of: parameter.completion))' ;;"
        }
        let own = program.completionPlaces.flatMap { place in
            place.named.filter { $0.takesValue && !program.globals.contains($0) }.map { parameter in
                let path = place.path.joined(separator: " ")
                let patterns = parameter.spellings.map { "'\(path) \($0)'" }.joined(separator: " | ")
                return "    \(patterns)) kind='\(kind(of: parameter.completion))' ;;"
            }
        }
        return (ofAll + own).joined(separator: "\n")
    }

    private func kind(of completion: ValueCompletion) -> String {
        switch completion {
        case .none: "text"
        case .files: "files"
        case .directories: "directories"
        case .words(let words): "words:\(words.joined(separator: " "))"
        case .dynamic(let kind): "dynamic:\(kind)"
        }
    }
}
