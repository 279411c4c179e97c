// SPDX-License-Identifier: Apache-2.0

private import Glibc

/// The words that a program was started with.
package enum OwnArguments {
    /// Those behind the program's own name.
    ///
    /// Swift finds them by way of /proc/self/maps, and has none where that cannot be opened. A program without a word would
    /// explain itself and call that success, so it is ended here with status 1.
    ///
    /// - Parameter program: for the message.
    package static func words(of program: String) -> [String] {
        let all = CommandLine.arguments
        guard !all.isEmpty else {
            Console.standard().errors(
                """
                \(program): error: The system did not let this program read its own arguments. (usage.no-arguments)
                \(program): hint: Raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit).

                """)
            exit(1)
        }
        return Array(all.dropFirst())
    }
}
