// SPDX-License-Identifier: Apache-2.0

package import Access
import Evidence
import Posix
import Terminal

/// Asks for more time from inside a session, on a connection of its own and on threads of its own: the session's thread
/// never waits for it.
package struct ExtensionDesk: Sendable {
    private let home: ClientHome
    private let grant: GrantID

    package init(_ home: ClientHome, for grant: GrantID) {
        self.home = home
        self.grant = grant
    }

    /// - Returns: the request, and what to tell about it.
    func ask(_ duration: Duration, _ reason: String) throws -> (id: RequestID, text: String) {
        let holder = try Operator(home)
        let draft = try holder.extensionDraft(of: grant, by: duration, reason: reason)
        let report = ExtensionReport(draft, in: holder.directory)
        let answer = try holder.ask(draft)
        let id = try RequestID(try answer.text("id"))
        guard answer.optionalText("state") == AccessRequest.State.pending.rawValue else { return (id, "Asked for more time: \(id).") }
        let names = report.told.map(\.text).joined(separator: ", ")
        return (id, "Asked for \(DurationText.format(duration)) more: \(id). May agree: \(names). The end moves when they do.")
    }

    /// Waits until it is decided. The node tells of a yes, when it holds.
    func outcome(of id: RequestID) throws -> String? {
        let holder = try Operator(home)
        let first = try holder.checkedRequest(id).answer
        let poll = DecisionPoll(id, from: first, of: holder)
        try poll.advance()
        while poll.isPending {
            var entries = [PollEntry(poll.number, .input)]
            _ = try Poll.wait(&entries, timeout: poll.due)
            try poll.advance()
        }
        let state = try poll.current.text("state")
        return state == AccessRequest.State.approved.rawValue ? nil : "Request \(id) for more time is \(state)."
    }
}

/// What stands behind `~+`: a line that is typed, and then the question that it is.
struct MoreTime {
    private enum Phase {
        case idle
        case typing([UInt8])
        case asking(BackgroundCall<(id: RequestID, text: String)>)
        case waiting(BackgroundCall<String?>)
    }

    private let desk: ExtensionDesk?
    private var phase = Phase.idle

    static let prompt = "how much longer, and why (30m reason): "
    private static let longestLine = 1000

    init(_ desk: ExtensionDesk?) { self.desk = desk }

    var isTyping: Bool { if case .typing = phase { true } else { false } }

    /// Readable when there is news; -1 while nothing is under way.
    var number: Int32 {
        switch phase {
        case .idle, .typing: -1
        case .asking(let call): call.number
        case .waiting(let call): call.number
        }
    }

    /// - Returns: why it cannot be asked now.
    mutating func begin() -> String? {
        guard desk != nil else { return "More time cannot be asked for here. From another terminal: stint extend" }
        switch phase {
        case .idle, .typing: phase = .typing([])
        case .asking, .waiting: return "A request for more time is under way."
        }
        return nil
    }

    /// Takes keys while ``isTyping``.
    ///
    /// - Returns: what to echo, and the keys behind the line.
    mutating func take(_ keys: [UInt8]) -> (echo: [UInt8], rest: [UInt8], error: String?) {
        guard case .typing(var line) = phase else { return ([], keys, nil) }
        var echo: [UInt8] = []
        for (index, key) in keys.enumerated() {
            let rest = Array(keys[(index + 1)...])
            switch key {
            case 0x0D, 0x0A:
                echo += [0x0D, 0x0A]
                return (echo, rest, submit(line))
            case 0x03, 0x1B:
                phase = .idle
                return (echo + [0x0D, 0x0A], rest, nil)
            case 0x08, 0x7F:
                guard let last = line.lastIndex(where: { $0 & 0xC0 != 0x80 }) else { continue }
                line.removeSubrange(last...)
                echo += [0x08, 0x20, 0x08]
            case 0x20...:
                guard line.count < Self.longestLine else { continue }
                line.append(key)
                echo.append(key)
            default: continue
            }
        }
        phase = .typing(line)
        return (echo, [], nil)
    }

    /// - Returns: what is wrong with the line.
    private mutating func submit(_ line: [UInt8]) -> String? {
        phase = .idle
        let words = line.split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: true)
        guard let first = words.first else { return "Nothing was asked." }
        let reason = words.count > 1 ? String(decoding: words[1].drop { $0 == 0x20 }, as: UTF8.self) : ""
        do {
            let duration = try DurationText.parse(String(decoding: first, as: UTF8.self))
            try HumanText.check(reason: reason, minimum: 1)
            guard let desk else { return nil }
            phase = .asking(try BackgroundCall("more time") { try desk.ask(duration, reason) })
            return nil
        } catch {
            return Failures.message(of: error)
        }
    }

    /// What has come of it, to be told.
    mutating func news() -> String? {
        switch phase {
        case .idle, .typing: return nil
        case .asking(let call):
            guard let result = call.result else { return nil }
            phase = .idle
            switch result {
            case .success(let asked):
                if let desk {
                    do {
                        phase = .waiting(try BackgroundCall("decision") { try desk.outcome(of: asked.id) })
                    } catch {
                        // No thread: the node tells of a yes all the same.
                    }
                }
                return asked.text
            case .failure(let error): return Failures.message(of: error)
            }
        case .waiting(let call):
            guard let result = call.result else { return nil }
            phase = .idle
            switch result {
            case .success(let text): return text
            case .failure(let error): return "What becomes of the request is not known here: \(Failures.message(of: error))"
            }
        }
    }
}
