// SPDX-License-Identifier: Apache-2.0

/// The limits of the wire, in one place (DESIGN 8). Each is checked before memory is spent on what it limits.
package enum Limits {
    /// Payload of one session frame, in bytes. A keystroke fills a few of them, bulk data all.
    package static let framePayload = 64 * 1024
    /// What a sender of bulk data puts into a frame: with all headers and tags it fills four TLS records and not a little of a
    /// fifth, and fits one segment of a loopback connection.
    package static let frameFill = 65_280
    /// The same for a terminal's output, of which so much is in flight: three TLS records.
    package static let terminalFill = 48_896
    /// Bytes in flight from end to end before the sender waits for credit, for a terminal: Control-C then stops a flood
    /// within a quarter of a second on a slow terminal (measured).
    package static let terminalCredit = 112 * 1024
    /// The same for what goes to a terminal: a paste. What is typed behind it waits for it in any case.
    package static let terminalInputCredit = 512 * 1024
    /// What a client may hold for a terminal that is fast, beside ``terminalCredit``: it takes that much in ``aheadTime``.
    package static let terminalAhead = 384 * 1024
    /// How long a terminal may take to show what is on its way to it, where that is more than ``terminalCredit``.
    package static let aheadTime: Duration = .milliseconds(25)
    /// As ``terminalCredit``, for a command without a terminal.
    package static let streamCredit = 1024 * 1024
    /// Entries of the roll in one message.
    package static let rollBatch = 200

    /// Grants that ended, in one message.
    package static let grantsOver = 1000
    /// Rows in one answer to a list.
    package static let listRows = 1000
    /// Grants that are looked at for one page of a report.
    package static let reportRows = 200
    /// Longest long poll.
    package static let longPoll: Duration = .seconds(50)
    /// A control message between broker and agent, or broker and client.
    package static let controlMessage = 1024 * 1024
    /// Bytes of a recording in one answer.
    package static let recordingChunk = 4 * 1024 * 1024
    /// Pending requests of one person.
    package static let pendingRequests = 50
    /// Sessions of one person that have not ended.
    package static let liveSessions = 200
    /// How often the broker tells a session's node the time; well under the shortest lease, and few wake-ups.
    package static let heartbeat: Duration = .seconds(15)
    /// The same on the two connections of a live session: half of the shortest lease, and four wake-ups a minute. A network
    /// that is gone is noticed by the kernel, which asks every 5 s and gives up after 15 s without waking anybody.
    package static let sessionHeartbeat: Duration = .seconds(15)
    /// Of how many heartbeats one asks for an answer: the broker learns of an end that lives on without a process in it.
    package static let heartbeatsPerQuestion = 3
    /// How long a connection that became a WebSocket may take for its first message.
    package static let firstMessage: Duration = .seconds(10)
    /// A connection of a session on which nothing came from the broker for so long is lost.
    package static let sessionSilence: Duration = .seconds(45)
    /// An end that was asked by the broker, with its answer due at the next question, is lost after so long.
    package static let sessionAnswer: Duration = .seconds(60)
    /// A person who works notices at once that a connection is dead: after so long without a sign of the broker what is
    /// typed asks for one, and it has to come within ``promptAnswer``.
    package static let promptSilence: Duration = .seconds(5)
    package static let promptAnswer: Duration = .seconds(15)
}
