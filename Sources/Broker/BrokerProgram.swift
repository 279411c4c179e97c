// SPDX-License-Identifier: Apache-2.0

import Access
import Posix
import Protocol
import StrictJSON
import Transport

/// What `stintd` does, without its command line.
package enum BrokerProgram {
    package static let version = Version.text

    package static func initialise(_ home: BrokerHome, address: String, policyFile: String) throws -> String {
        _ = try Endpoint(address)
        let policy = try DurableFile.read(policyFile, maximumBytes: Policy.maximumLength)
        guard let text = String(validating: policy, as: UTF8.self) else {
            throw HomeError.malformed(policyFile, "it is not UTF-8.")
        }
        return try BrokerSetup.initialise(home, address: address, policy: text)
    }

    /// Serves until SIGTERM or SIGINT.
    package static func serve(_ home: BrokerHome, listen: String?, interference: RelayInterference? = nil, forgery: RollForgery? = nil) throws {
        try Signals.block([.terminate, .interrupt])
        try home.check()
        let lock = try FileLock(home.lockPath)
        let server = try BrokerServer(home, listening: try listen.map { try Endpoint($0) }, interference: interference, forgery: forgery)
        let signals = try SignalDescriptor([.terminate, .interrupt])
        try Thread.start("signals") {
            waitForEnd(signals)
            server.stop()
        }
        server.run()
        withExtendedLifetime(lock) {}
    }

    package static func sweep(_ home: BrokerHome, once: Bool, report: (String) -> Void) throws {
        try Signals.block([.terminate, .interrupt])
        let signals = try SignalDescriptor([.terminate, .interrupt])
        while true {
            let done = try BrokerServer.sweepOnce(home)
            report(
                "requests lapsed \(done.lapsedRequests), grants lapsed \(done.lapsedGrants), expired \(done.expiredGrants), "
                    + "settled \(done.settledGrants), sessions unconfirmed \(done.unconfirmedSessions)")
            if once { return }
            var entries = [PollEntry(signals.number, .input)]
            if try Poll.wait(&entries, timeout: .seconds(1)) > 0 { return }
        }
    }

    private static func waitForEnd(_ signals: borrowing SignalDescriptor) {
        while true {
            var entries = [PollEntry(signals.number, .input)]
            do {
                _ = try Poll.wait(&entries, timeout: nil)
                if try signals.next() != nil { return }
            } catch {
                Log.error("signals: \(error.message)")
                return
            }
        }
    }

    /// What an error of ours means to whoever typed the command.
    package static func explain(_ error: any Error) -> (code: String, message: String, hint: String?, exitStatus: Int32) {
        let problem = Problem(explaining: error)
        let isAddress = problem.code == "transport.port-in-use" || problem.code == "transport.cannot-listen"
        return (problem.code, problem.message, problem.hint, isAddress ? 6 : 1)
    }
}
