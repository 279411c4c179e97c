// SPDX-License-Identifier: Apache-2.0

/// What a session with the capability `copy` does: the words of its opening, `from PATH...` or `to PATH`. Paths are the
/// node's own; one that is not absolute begins in the home of the session's user.
package enum CopyOrder: Sendable, Equatable {
    /// Sends the files and folders with these paths.
    case from([String])
    /// Puts what comes into the folder with this path, or where there is none gives it this path.
    case to(String)

    package static let maximumPaths = 64
    /// Bytes of one path (PATH_MAX of Linux).
    package static let maximumPath = 4096

    /// - Throws: ``Refusal/copyMalformed``.
    package init(_ words: [String]) throws(Refusal) {
        let paths = Array(words.dropFirst())
        guard (1...Self.maximumPaths).contains(paths.count), paths.allSatisfy(Self.isPath) else { throw .copyMalformed }
        switch words.first {
        case "from" where paths.allSatisfy { Self.name(of: $0) != nil }: self = .from(paths)
        case "to" where paths.count == 1: self = .to(paths[0])
        default: throw .copyMalformed
        }
    }

    package var words: [String] {
        switch self {
        case .from(let paths): ["from"] + paths
        case .to(let path): ["to", path]
        }
    }

    /// The last part of a path, which is the name of what is copied; `nil` for `/`, `.` and `..`.
    package static func name(of path: String) -> String? {
        guard let last = path.utf8.split(separator: UInt8(ascii: "/")).last.map({ String(Substring($0)) }), last != ".", last != ".." else {
            return nil
        }
        return last
    }

    private static func isPath(_ text: String) -> Bool {
        (1...maximumPath).contains(text.utf8.count) && !text.utf8.contains(0)
    }
}

extension Opening {
    /// Whether the words and the terminal are of the capability's own form.
    func checkForm() throws(Refusal) {
        switch capability {
        case .shell, .exec, .document: return
        case .forward, .ssh: guard command.isEmpty, !hasTerminal else { throw .forwardMalformed }
        case .copy:
            _ = try CopyOrder(command)
            guard !hasTerminal else { throw .copyMalformed }
        }
    }
}
