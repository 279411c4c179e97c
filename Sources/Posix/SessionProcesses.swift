// SPDX-License-Identifier: Apache-2.0
// SECURITY: promise P3, nothing is left. Every process a session started is found and killed, or named as left.
// A process is signalled through a descriptor that was matched with its start time, never by a bare number.
import Glibc

/// The processes of one session, for the supervisor that must end them.
///
/// They are found in three ways, each of which closes a gap of the others:
/// 1. the control group, where there is one: the kernel ends its members at once;
/// 2. the walk: all descendants of the supervisor. It is their subreaper (``ProcessControl/becomeSubreaper()``), so
///    whoever was orphaned by a double fork, `nohup` or `setsid` became its child;
/// 3. the strays: whoever carries the session's variable, wherever it hangs in the tree.
///
/// What the session handed to a service that ran before (cron, a container engine) is not among them.
package struct SessionProcesses: Sendable {
    /// Set in the environment of the session's first program, to the session's id.
    package static let variable = "STINT_SESSION"

    package struct Survivor: Equatable, Sendable {
        package let pid: Int32
        package let command: String
    }

    package struct Outcome: Equatable, Sendable {
        /// How many different processes were killed.
        package let killed: Int
        /// Who is still there, in order of their numbers.
        package let left: [Survivor]

        package init(killed: Int, left: [Survivor]) {
            self.killed = killed
            self.left = left
        }
    }

    private let supervisor: Int32
    private let session: String
    private let group: ControlGroup?
    private let collectedElsewhere: Int32?
    private let others: Set<Int32>
    private let hasCopies: Bool
    private let beginning: ProcessMoment?

    /// - Parameter supervisor: the subreaper that the walk starts from; it is not killed.
    /// - Parameter session: the value of ``variable``.
    /// - Parameter child: a child whose end somebody waits for, so that it is not collected here.
    /// - Parameter others: children that lead families of their own; neither they nor theirs are touched.
    /// - Parameter hasCopies: whether those others are ours and were made by ``ChildProcess/copy()``, all of them.
    /// - Parameter beginning: a moment before the session's first process was started.
    package init(
        of supervisor: Int32 = getpid(), session: String, group: ControlGroup? = nil, child: Int32? = nil, sparing others: Set<Int32> = [],
        hasCopies: Bool = false, since beginning: ProcessMoment? = nil
    ) {
        self.supervisor = supervisor
        self.session = session
        self.group = group
        collectedElsewhere = child
        self.others = others
        self.hasCopies = hasCopies
        self.beginning = beginning
    }

    /// Kills until nothing is left, or until the time is up.
    package func end(within limit: Duration = .seconds(5)) -> Outcome {
        let deadline = BootInstant.now.advanced(by: limit)
        var hunt = ProcessHunt(
            of: supervisor, session: session, collectedElsewhere: collectedElsewhere, sparing: others, hasCopies: hasCopies, since: beginning,
            until: deadline)
        if let group { hunt.end(group) }
        let left = hunt.end().sorted { $0.pid < $1.pid }
        return Outcome(killed: hunt.killed.count, left: left.map { Survivor(pid: $0.pid, command: $0.command) })
    }
}
