// SPDX-License-Identifier: Apache-2.0
// SECURITY: a session's program gets these variables and none of ours. What the client chooses, the terminal's type and
// the language, is taken only where it has the form of one.

package import Access
package import Evidence
package import Posix

/// The environment of a session's first program.
package enum SessionEnvironment {
    package static func variables(
        for opening: OpeningStatement, user: User, session: SessionID, grant: GrantID, settings: SessionSettings = SessionSettings(),
        consent: Consent = .people
    ) -> [(name: String, value: String)] {
        var variables = [
            (name: "HOME", value: user.home), (name: "USER", value: user.name), (name: "LOGNAME", value: user.name),
            (name: "SHELL", value: settings.shell ?? user.shell), (name: "PATH", value: path(of: user)),
            (name: SessionProcesses.variable, value: session.description),
            (name: "STINT_GRANT", value: grant.description),
        ]
        if consent == .breakGlass { variables.append((name: "STINT_BREAK_GLASS", value: "1")) }
        if let terminal = opening.terminal {
            variables.append((name: "TERM", value: isPlain(terminal.type) ? terminal.type : "dumb"))
        }
        if isPlain(opening.language) { variables.append((name: "LANG", value: opening.language)) }
        // The charter's own variables, none of which is one of those above but the language.
        for (name, value) in settings.environment.sorted(by: { $0.key < $1.key }) {
            variables.removeAll { $0.name == name }
            variables.append((name: name, value: value))
        }
        return variables
    }

    private static func path(of user: User) -> String {
        let common = "/usr/local/bin:/usr/bin:/bin"
        return user.uid == 0 ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" : common
    }

    /// Letters, digits and `.`, `_`, `-`, `+`, `@`, as in `xterm-256color` and `de_AT.UTF-8@euro`. No slash: both name
    /// files to the programs that read them.
    private static func isPlain(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"),
                    UInt8(ascii: "+"), UInt8(ascii: "@"):
                    true
                default: false
                }
            } && text.utf8.first != UInt8(ascii: ".")
    }
}
