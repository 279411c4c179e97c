// SPDX-License-Identifier: Apache-2.0

package import Access
package import Protocol
import StrictJSON

/// What the broker refuses for reasons of its own.
package enum BrokerError: Explainable, Equatable {
    case noSuchPath(String)
    case wrongMethod(String)
    case parameterMalformed(String)
    case notFound(kind: String, String)
    case notEnrolled
    case notAPerson
    case delegationElsewhere
    case delegationOver(from: Timestamp, until: Timestamp, now: Timestamp)
    case otherDevice
    case foundingOver
    case foundingTokenUnknown
    case requestIDTaken
    case sessionIDTaken
    case tooManyPending(Int)
    case tooManySessions(Int)
    case charterOutdated(used: Int64, current: Int64)
    case nodeNotConnected(NodeName)
    case nodeDistrusts(NodeName, because: Problem)
    case nodeSilent(NodeName)
    /// The node agreed to the session and could not start it; with what its receipt says.
    case sessionNotBegun(NodeName, detail: String)
    case nodeAway(SessionID)
    case takenOver(SessionID)
    case nothingToWatch(SessionID)
    case recordingGrows(SessionID)
    case clockMovedBack(seconds: Int64)
    case grantNotActive(GrantID)
    case recorderFailed(String)
    case noRoom(String)
    case holdExists(HoldName)
    case overloaded

    package var code: String {
        switch self {
        case .noSuchPath: "http.not-found"
        case .wrongMethod: "http.method"
        case .parameterMalformed: "http.parameter"
        case .notFound(let kind, _): kind + ".not-found"
        case .notEnrolled: "authentication.not-enrolled"
        case .notAPerson: "authentication.not-a-person"
        case .delegationElsewhere: "authentication.delegated"
        case .delegationOver: "authentication.delegation-over"
        case .otherDevice: "authentication.other-device"
        case .foundingOver: "founding.over"
        case .foundingTokenUnknown: "founding.unknown-token"
        case .requestIDTaken: "request.id-taken"
        case .sessionIDTaken: "session.id-taken"
        case .tooManyPending: "request.too-many"
        case .tooManySessions: "session.too-many"
        case .charterOutdated: "charter.outdated"
        case .nodeNotConnected: "node.not-connected"
        case .nodeDistrusts: "node.distrusts-broker"
        case .nodeSilent: "node.silent"
        case .sessionNotBegun: "session.not-begun"
        case .nodeAway: Problem.nodeAway
        case .takenOver: "session.taken-over"
        case .nothingToWatch: "session.not-live"
        case .recordingGrows: "recording.not-finished"
        case .clockMovedBack: "clock.moved-back"
        case .grantNotActive: "grant.not-active"
        case .recorderFailed: "session.recorder-failed"
        case .noRoom: "recording.no-room"
        case .holdExists: "hold.exists"
        case .overloaded: "broker.overloaded"
        }
    }

    package var message: String {
        switch self {
        case .noSuchPath(let path): "There is nothing at `\(path)`."
        case .wrongMethod(let method): "`\(method)` is not possible there."
        case .parameterMalformed(let name): "The parameter `\(name)` is not well formed."
        case .notFound(let kind, let id): "There is no \(kind) \(id)."
        case .notEnrolled: "This device is not enrolled, or it was taken away."
        case .notAPerson: "Only people may do that."
        case .delegationElsewhere: "A key that stands in for another is taken on the connections of nodes and for the roll only."
        case .delegationOver(let from, let until, let now):
            "The key that stands in for the node's is good from \(from) to \(until), and the broker's clock says \(now)."
        case .otherDevice: "The statement was signed by another device than the one that sent it."
        case .foundingOver: "The first administrator has joined already."
        case .foundingTokenUnknown: "That is not this broker's founding token, or it is too old."
        case .requestIDTaken: "Another request has this id already."
        case .sessionIDTaken: "This session was opened before, or another has its id."
        case .tooManyPending(let limit): "You have \(limit) pending requests already."
        case .tooManySessions(let limit): "You have \(limit) sessions already."
        case .charterOutdated(let used, let current):
            "The request was made under version \(used) of the charter; version \(current) is in force."
        case .nodeNotConnected(let name): "Node `\(name)` is not connected to the broker."
        case .nodeDistrusts(let name, let problem): "Node `\(name)` does not work with this broker. It says: \(problem.message)"
        case .nodeSilent(let name): "Node `\(name)` did not answer."
        case .sessionNotBegun(let name, let detail): "Node `\(name)` could not begin the session: \(detail)"
        case .nodeAway(let id): "The node of session \(id) has not come back yet."
        case .takenOver(let id): "Session \(id) goes on in another client of this device."
        case .nothingToWatch(let id): "Session \(id) is not live, so there is nothing to look at."
        case .recordingGrows(let id): "Session \(id) is live, and its recording grows."
        case .clockMovedBack(let seconds): "The broker's clock went back by \(seconds) s, so it grants nothing."
        case .grantNotActive(let id): "Grant \(id) is not active."
        case .recorderFailed(let what): "The session cannot be recorded: \(what)"
        case .noRoom(let words): "There is no room to record a session. \(words)"
        case .holdExists(let name): "There is a hold `\(name)` already, on something else."
        case .overloaded: "The broker has too much to do."
        }
    }

    package var hint: String? {
        switch self {
        case .notEnrolled: "Join with a token: `stint join`."
        case .notFound("request", _): "`stint requests --all` lists those that you may see."
        case .notFound("grant", _): "`stint grants --all` lists those that you may see."
        case .notFound("session", _): "`stint sessions --all` lists those that you may see."
        case .notFound("node", _): "`stint nodes` lists the nodes that you may ask for."
        case .foundingOver: "Ask an administrator for an invitation."
        case .foundingTokenUnknown: "`stintd init --renew-token` on the broker makes a new one."
        case .tooManyPending: "Withdraw some with `stint withdraw`."
        case .tooManySessions: "End some; `stint sessions` lists them."
        case .charterOutdated: "Ask again: the client takes the new policy."
        case .nodeNotConnected: "See on the node whether `stint-agent serve` runs and reaches the broker."
        case .nodeDistrusts(_, let problem): problem.hint
        case .delegationOver: "Set the clock of the node right (NTP), or the broker's."
        case .nodeSilent, .sessionNotBegun: "Try again; see the agent's log on the node."
        case .nodeAway: "Try again in a moment: `stint attach`."
        case .nothingToWatch: "Read its recording: stint replay."
        case .recordingGrows: "Look on with `stint watch`, which tells the operator; or read it when the session is over."
        case .clockMovedBack: "Set the broker's clock right (NTP)."
        case .grantNotActive: "`stint shell` and `stint exec` activate it."
        case .recorderFailed: "See the disk of the broker; the policy demands a recording."
        case .noRoom: "Ask whoever runs the broker to make room, or to raise `recordings.limit` in its settings."
        case .holdExists: "`stint hold list` shows it. Choose another name."
        case .requestIDTaken, .sessionIDTaken: "Try again: the next one gets another id."
        case .overloaded: "Try again in a moment."
        case .noSuchPath, .wrongMethod, .parameterMalformed, .notFound, .notAPerson, .delegationElsewhere, .otherDevice, .takenOver: nil
        }
    }
}
