// SPDX-License-Identifier: Apache-2.0
// SECURITY: runs as the session's user, inside of the session, and ends with it. What it may dial and copy is what that
// user may; where it may dial stands in the opening.

import Access
import Carriage
import Posix

/// The program of a session that forwards connections or copies files.
enum CarryingProgram {
    /// Dials `DESTINATION` for every connection that the client opens. Says on standard error, which is recorded, which there
    /// were; what they carry is counted.
    static func forward(_ words: [String]) -> Int32 {
        run {
            let dialler = try DestinationDialler(try Destination(words.first ?? ""))
            let carrier = Carrier.dialling(dialler, from: 0, to: 1) { text in
                // It is for whoever reads the recording; the connection does not depend on it.
                try? StandardStream.error.write(text + "\n")
            }
            _ = try carrier.run()
        }
    }

    /// Sends an archive of paths, or puts one in place.
    static func copy(_ words: [String]) -> Int32 {
        run {
            switch try CopyOrder(words) {
            case .from(let paths): try ArchiveSender(paths).run(to: 1)
            case .to(let path): try ArchiveReceiver(into: path).receive(from: 0)
            }
        }
    }

    private static func run(_ work: () throws -> Void) -> Int32 {
        Signals.ignoreBrokenPipe()
        do {
            try work()
            return 0
        } catch {
            // As a command says it; when nobody reads it, the status still tells.
            try? StandardStream.error.write("stint-agent: \(words(of: error))\n")
            return 1
        }
    }

    private static func words(of error: any Error) -> String {
        switch error {
        case let error as CarriageError: error.message
        case let error as Refusal: error.message
        default: AgentError(error).message
        }
    }
}
