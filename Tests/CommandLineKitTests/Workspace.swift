// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A directory of one test with a program `stint` in it that knows three nodes, and the scripts of the sample.
final class Workspace {
    let path: String

    init() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "stint-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        path = directory.path
        // Answers as the program would, and says which home it was asked about.
        try write("stint", """
            #!/bin/sh
            home=none
            if [ "$1" = --home ]; then home=$2; shift 2; fi
            [ "$1 $2" = '__complete --' ] || exit 1
            case $3 in
            nodes) printf 'web1\\nweb2\\ndb1\\n' ;;
            *) printf '%s\\n' "$3-$home" ;;
            esac | while read -r word; do case $word in "$4"*) echo "$word" ;; esac; done
            """)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path + "/stint")
        try FileManager.default.createDirectory(atPath: path + "/some dir", withIntermediateDirectories: false)
        try write("some file", "")
    }

    deinit {
        // A directory that stays behind in the temporary directory harms no test.
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path + "/" + name))
    }

    /// Runs a program of the system in this directory, and returns its output with its exit status.
    func output(of program: String, _ arguments: String...) throws -> (text: String, status: Int32) {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: path)
        process.environment = [
            "PATH": path + ":/usr/local/bin:/usr/bin:/bin", "HOME": path, "TERM": "dumb", "LC_ALL": "C.UTF-8",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (String(decoding: data, as: UTF8.self), process.terminationStatus)
    }

    /// Where a program of the system is; nil when it is not installed.
    static func find(_ program: String) -> String? {
        ["/usr/bin/", "/bin/", "/usr/local/bin/"].map { $0 + program }.first(where: FileManager.default.isExecutableFile)
    }
}
