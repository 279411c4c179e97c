// SPDX-License-Identifier: Apache-2.0
// SECURITY: PRIVILEGE SPLIT. All that `stint-agent join`, which may be root, takes from its process that reads the network
// (docs/decisions/0053). A fixed table: what is not in it for the phase, or is too long, ends the reader and the join, and nothing
// of it is acted on. No I/O in here.

import Access
import Evidence
import Protocol
import StrictJSON

/// What the reader of a join reports to the root part.
enum JoinReport: UInt8, ReaderFrameKind, CaseIterable {
    /// It has given up what it could and waits for an order. Empty.
    case ready = 1
    /// The broker's answer to ``JoinOrder/fetch``, JSON.
    case entries = 2
    /// The broker has taken the entry. Empty.
    case taken = 3
    /// The broker said no: the status of its answer in 2 bytes, big-endian, and a ``Problem``.
    case refused = 4
    /// There is no answer: why, as a ``Problem``. The reader ends behind this.
    case over = 5

    var limit: Int {
        switch self {
        case .ready, .taken: 0
        case .entries: Self.entriesLimit
        // A problem's texts have 9 KiB at most, and six times as much where JSON has to escape each byte.
        case .refused, .over: 64 * 1024
        }
    }

    /// Of ``Limits/rollBatch`` entries.
    static let entriesLimit = 2 * Limits.controlMessage
}

/// What the root part orders the reader of a join to do.
enum JoinOrder: UInt8, ReaderFrameKind, CaseIterable {
    /// Speak to this broker: a ``DialOrder``.
    case dial = 1
    /// Ask for entries of the roll: the number of the last one that is known in 8 bytes, big-endian · digest of the invitation.
    case fetch = 2
    /// Bring the broker an entry, JSON.
    case post = 3
    /// End. Empty.
    case end = 4

    var limit: Int {
        switch self {
        case .dial: ReaderOrder.dial.limit
        case .fetch: Self.fetchLength
        case .post: 16 * 1024  // an enrolment
        case .end: 0
        }
    }

    static let fetchLength = 8 + 32

    static func fetch(after number: Int64, _ invitation: Digest) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> Int64($0)) } + invitation.bytes
    }

    /// What ``fetch(after:_:)`` was made of; `nil` for bytes that it does not make.
    static func fetched(_ content: [UInt8]) -> (after: Int64, invitation: Digest)? {
        guard content.count == fetchLength, let invitation = Digest(bytes: Array(content.dropFirst(8))) else { return nil }
        return (content.prefix(8).reduce(0) { $0 << 8 | Int64($1) }, invitation)
    }
}

/// The table: what is taken from the reader of a join, and when. Each order has one answer.
///
/// | phase | takes | then |
/// | --- | --- | --- |
/// | starting | `ready` | idle |
/// | idle | nothing | by an order: fetching, posting |
/// | fetching | `entries`, `refused` | idle |
/// | | `over` | over |
/// | posting | `taken`, `refused` | idle |
/// | | `over` | over |
/// | over | nothing | |
///
/// Whether entries continue the roll that the token names is decided by the root part, on the signatures.
struct JoinTable: Sendable {
    enum Phase: Sendable, Equatable { case starting, idle, fetching, posting, over }

    enum Event: Sendable, Equatable {
        case ready
        /// As they came, not parsed.
        case entries([UInt8])
        case taken
        case refused(Problem)
        case over(Problem)
    }

    private(set) var phase: Phase = .starting
    private var frames = ReaderFrames<JoinReport>()

    /// Takes note that an answer is waited for.
    mutating func begin(_ phase: Phase) {
        precondition(self.phase == .idle, "an order while another one has no answer")
        self.phase = phase
    }

    /// Takes bytes that came from the reader.
    mutating func append(_ bytes: some Collection<UInt8>) { frames.append(bytes) }

    /// The next thing that the reader may have said; `nil` when more bytes are needed.
    ///
    /// - Throws: for the first thing that it may not say. The table is not used after that.
    mutating func next() throws(ReaderFault) -> Event? {
        guard let (report, content) = try frames.next() else { return nil }
        switch (phase, report) {
        case (.starting, .ready):
            phase = .idle
            return .ready
        case (.fetching, .entries):
            phase = .idle
            return .entries(content)
        case (.posting, .taken):
            phase = .idle
            return .taken
        case (.fetching, .refused), (.posting, .refused):
            phase = .idle
            return .refused(try Self.refusal(content))
        case (.fetching, .over), (.posting, .over):
            phase = .over
            return .over(try Self.problem(content[...], status: 503))
        case (.starting, _), (.idle, _), (.fetching, .ready), (.fetching, .taken), (.posting, .ready), (.posting, .entries), (.over, _):
            throw .outOfJoin(report, phase)
        }
    }

    private static func refusal(_ content: [UInt8]) throws(ReaderFault) -> Problem {
        guard content.count >= 2 else { throw .notAProblem("it has no status") }
        return try problem(content.dropFirst(2), status: content.prefix(2).reduce(0) { $0 << 8 | Int($1) })
    }

    private static func problem(_ content: ArraySlice<UInt8>, status: Int) throws(ReaderFault) -> Problem {
        do throws(JSONError) {
            return Problem(try JSONValue(parsing: Array(content), limits: JSONLimits(bytes: JoinReport.over.limit)), status: status)
        } catch {
            throw .notAProblem(error.message)
        }
    }
}
