// SPDX-License-Identifier: Apache-2.0
// SECURITY: programs of the system that this agent runs as root: by their whole path, with an environment of two variables,
// and words that were checked before.

import Glibc
import Posix

/// A program of the system, run to its end.
struct SystemTool {
    let path: String

    static let addUser = SystemTool(path: "/usr/sbin/useradd")
    static let removeUser = SystemTool(path: "/usr/sbin/userdel")
    static let checkSudoers = SystemTool(path: "/usr/sbin/visudo")

    var isThere: Bool { access(path, X_OK) == 0 }

    /// - Returns: what it said on its error stream when it failed; `nil` when it did not.
    func run(_ arguments: [String]) throws(SystemError) -> String? {
        let pipe = try Pipe()
        var request = SpawnRequest(path, [path] + arguments, environment: [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")])
        request.descriptors = [.null, .null, .descriptor(pipe.writer.number)]
        request.newSession = true
        try pipe.reader.setNonBlocking()
        let child = try request.start()
        let status = try child.wait()
        guard status != .exited(0) else { return nil }
        // It is for people; without it the failure is told all the same.
        let said = (try? pipe.reader.read(maximum: 4096)) ?? []
        let text = PlainText.cleaned(String(decoding: said, as: UTF8.self).split(separator: "\n").joined(separator: "; "), maximum: 300)
        return text.isEmpty ? "\(path) failed (\(status.shellCode))" : text
    }
}
