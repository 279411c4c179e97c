// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import Protocol
import StrictJSON

/// Runs an opened session and tells its end.
struct SessionReport {
    private let session: OpenedSession
    private let grant: GrantID?
    private let console: Console
    private let isQuiet: Bool

    /// - Parameters:
    ///   - grant: what it was opened under, to say how to go on.
    ///   - quiet: an end that whoever runs this asked for is not told.
    init(_ session: OpenedSession, of grant: GrantID?, _ console: Console, quiet: Bool = false) {
        self.session = session
        self.grant = grant
        self.console = console
        isQuiet = quiet
    }

    func run(on descriptors: SessionClient.Descriptors = SessionClient.Descriptors()) throws -> Int32 {
        let client = try SessionClient(session, on: descriptors)
        do {
            let result = try client.run()
            if client.isInLine { console.errors("\n") }
            switch result {
            case .ended(let ending): return tell(ending, until: client.notAfter)
            case .closed:
                return say("Session \(session.id) was closed; the node has not confirmed its end yet.")
            case .signalled(let signal, let ending):
                if let ending { _ = tell(ending, until: client.notAfter) }
                return 128 + signal.rawValue
            }
        } catch SessionFault.tampered {
            return say("The connection was tampered with: a frame of session \(session.id) is not what the node sent.")
        } catch SessionFault.protocolBroken(let what) {
            return say("The node broke the protocol, so session \(session.id) was left: \(what)")
        } catch SessionFault.outputClosed {
            return EndingWords.stintStatus  // as in `stint exec … | head`, which needs no message
        } catch let error as any Explainable {
            // A lost session that could not be taken up again.
            return say(error.message)
        } catch SessionFault.connectionLost(let what) {
            guard let end = client.brokerEnd else {
                return say("The connection to session \(session.id) was lost. \(what)")
            }
            return say("The broker says: \(EndingWords.sentence(session.id, end.reason, detail: end.detail))")
        }
    }

    /// A command that ended by itself says all with its status.
    ///
    /// - Parameter deadline: the grant's end, which may have moved since the session was opened.
    private func tell(_ ending: SessionEnding, until deadline: Timestamp) -> Int32 {
        let isPlain = ending.left == 0
            && (ending.reason == .exited && session.plan.terminal == nil || ending.reason == .clientClosed && isQuiet)
        if !isPlain {
            _ = say(EndingWords.sentence(session.id, ending))
            if session.plan.terminal != nil, let next = next(after: ending.reason, until: deadline) {
                for line in next.split(separator: "\n") { _ = say(String(line)) }
            }
        }
        return EndingWords.status(of: ending)
    }

    private func next(after reason: Session.EndReason, until deadline: Timestamp) -> String? {
        EndingWords.next(after: reason, on: session.plan.use.node, grant: grant, until: deadline, now: .now())
    }

    private func say(_ text: String) -> Int32 {
        console.errors("\(shown(text))\n")
        return EndingWords.stintStatus
    }
}
