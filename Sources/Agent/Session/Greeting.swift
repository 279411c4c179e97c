// SPDX-License-Identifier: Apache-2.0

import Access
import Glibc
import Posix

/// What a login shows before the shell: the message of the day and when the user was here last.
enum Greeting {
    private static let messages = ["/run/motd.dynamic", "/etc/motd"]
    private static let maximumBytes = 64 * 1024

    /// Writes to the session's terminal. What cannot be read or written is left out: nobody is kept from working by it.
    static func show(to user: User) {
        for path in messages {
            guard let bytes = try? DurableFile.read(path, maximumBytes: maximumBytes), !bytes.isEmpty else { continue }
            try? StandardStream.output.write(String(decoding: bytes, as: UTF8.self))
        }
        guard access(user.home + "/.hushlogin", F_OK) != 0, let (at, line) = LoginRecords.last(of: user) else { return }
        try? StandardStream.output.write("Last login: \(Timestamp(milliseconds: at * 1000)) on \(PlainText.cleaned(line))\n")
    }
}
