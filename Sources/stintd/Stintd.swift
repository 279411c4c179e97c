// SPDX-License-Identifier: Apache-2.0

import Broker
import CommandLineKit
import Evidence
import Glibc
import Posix

@main
enum Stintd {
    static func main() {
        umask(0o077)
        CryptographyLibrary.start()
        Signals.ignoreBrokenPipe()
        exit(program.main(arguments: OwnArguments.words(of: program.name)))
    }

    static let program = Program(
        name: "stintd", summary: "The broker of Stint: temporary elevated access that a second person agreed to",
        version: BrokerProgram.version, section: 8, date: "2026-11-21", manuals: [settingsManual],
        nodes: [
            .command(InitCommand.self), .command(ServeCommand.self), .command(SweepCommand.self),
            .command(BackupCommand.self), .command(RestoreCommand.self), .command(CheckCommand.self),
            .command(StatusCommand.self), .command(ExportCommand.self), .command(MeasureCommand.self),
        ],
        exitStatuses: [
            .init(0, "Done."), .init(1, "Failed."), .init(2, "The command line was not understood."),
            .init(6, "The address could not be listened on."),
        ],
        environment: [.init("STINT_HOME", "The same as --home.")],
        files: [.init("/var/lib/stint", "The broker's home where neither --home nor STINT_HOME names one.")],
        explain: { error in
            let told = BrokerProgram.explain(error)
            return Program.Failure(code: told.code, message: told.message, hint: told.hint, status: told.exitStatus)
        })
}

/// The home that a command was given.
func stintHome(_ values: ParsedValues) -> BrokerHome { BrokerHome(values.value("home") ?? Environment.value("STINT_HOME")) }
