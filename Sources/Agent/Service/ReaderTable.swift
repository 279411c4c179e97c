// SPDX-License-Identifier: Apache-2.0
// SECURITY: PRIVILEGE SPLIT. All that the agent's root part takes from the process that reads the network (docs/decisions/0053).
// A fixed table: what is not in it for the phase, is too long, or is not a message that a broker may send an agent, ends the
// reader, and nothing of it is acted on. No byte is looked at before its length was held against a limit. No I/O in here.

import Access
import Evidence
import Protocol
import StrictJSON

/// A kind of frame between the two parts: kind 1 byte · length 4 bytes, big-endian · so many bytes.
protocol ReaderFrameKind: RawRepresentable<UInt8>, Sendable {
    /// The most bytes that may follow the header.
    var limit: Int { get }
}

/// What the reader reports to the root part.
enum ReaderReport: UInt8, ReaderFrameKind, CaseIterable {
    /// It has given up what it could and waits for an order. Empty.
    case ready = 1
    /// The broker has opened the control channel. Empty.
    case connected = 2
    /// A control message of the broker, JSON.
    case message = 3
    /// Another sign of life of the broker's. Empty.
    case heard = 4
    /// There is no connection, or none any more: why, as a ``Problem``. The reader ends behind this.
    case over = 5

    var limit: Int {
        switch self {
        case .ready, .connected, .heard: 0
        case .message: Limits.controlMessage
        case .over: 16 * 1024
        }
    }
}

/// What the root part orders the reader to do.
enum ReaderOrder: UInt8, ReaderFrameKind, CaseIterable {
    /// Dial the broker: a ``DialOrder``.
    case dial = 1
    /// Send the broker a control message, JSON.
    case say = 2
    /// Ask the broker for a sign of life. Empty.
    case ask = 3
    /// Say goodbye behind all that was said, and end. Empty.
    case end = 4

    var limit: Int {
        switch self {
        case .dial: 16 * 1024
        case .say: Limits.controlMessage
        case .ask, .end: 0
        }
    }
}

/// What a reader did that is not in the table. It is ended for it.
enum ReaderFault: Error, Equatable {
    case unknownKind(UInt8)
    case tooLong(kind: UInt8, Int, limit: Int)
    case outOfPhase(ReaderReport, ReaderTable.Phase)
    case outOfJoin(JoinReport, JoinTable.Phase)
    case notText
    case notAMessage(String)
    case notForAnAgent(String)
    case notAProblem(String)

    var message: String {
        switch self {
        case .unknownKind(let kind): "it sent a frame of kind \(kind), which there is not"
        case .tooLong(let kind, let length, let limit): "it sent \(length) bytes in a frame of kind \(kind), which has \(limit) at most"
        case .outOfPhase(let report, let phase): "it reported `\(report)` while it was \(phase)"
        case .outOfJoin(let report, let phase): "it reported `\(report)` while it was \(phase)"
        case .notText: "it passed on a message that is not UTF-8"
        case .notAMessage(let reason): "it passed on what is no control message: \(reason)"
        case .notForAnAgent(let type): "it passed on a message of kind `\(type)`, which no broker sends to an agent"
        case .notAProblem(let reason): "it ended with what is no problem: \(reason)"
        }
    }
}

/// Frames from the bytes of a stream.
struct ReaderFrames<Kind: ReaderFrameKind>: Sendable {
    static var headerLength: Int { 5 }

    private var bytes: [UInt8] = []
    private var start = 0

    mutating func append(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

    /// The next frame; `nil` when more bytes are needed.
    ///
    /// - Throws: for a kind that is not known, and for more bytes than the kind may have, before they have come.
    mutating func next() throws(ReaderFault) -> (kind: Kind, content: [UInt8])? {
        let rest = bytes[start...]
        guard rest.count >= Self.headerLength, let first = rest.first else { return nil }
        guard let kind = Kind(rawValue: first) else { throw .unknownKind(first) }
        let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard length <= kind.limit else { throw .tooLong(kind: first, length, limit: kind.limit) }
        guard rest.count - Self.headerLength >= length else { return nil }
        let content = Array(rest.dropFirst(Self.headerLength).prefix(length))
        start += Self.headerLength + length
        giveBack()
        return (kind, content)
    }

    /// Forgets what was taken, and its memory: a control channel is idle for most of its life.
    private mutating func giveBack() {
        if start == bytes.count {
            bytes = []
            start = 0
        } else if start > 64 * 1024 {
            bytes.removeFirst(start)
            start = 0
        }
    }

    /// Writes a frame behind `bytes`.
    static func append(_ kind: Kind, _ content: some Collection<UInt8>, to bytes: inout [UInt8]) {
        let length = content.count
        precondition(length <= kind.limit, "a frame of ours is too long")
        bytes.append(kind.rawValue)
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        bytes.append(contentsOf: content)
    }
}

/// The table: what is taken from a reader, and when.
///
/// | phase | takes | then |
/// | --- | --- | --- |
/// | starting | `ready` | dialling |
/// | dialling | `connected` | serving |
/// | | `over` | over |
/// | serving | `message`: time, ledger-head, roll, open, lease, end, grants-over, receipt-stored | |
/// | | `heard` | |
/// | | `over` | over |
/// | over | nothing | |
///
/// A message is taken as such only; whether a roll continues ours, an opening is allowed or a session may go on is decided by the
/// root part, on the signatures, as if the broker stood there itself.
struct ReaderTable: Sendable {
    enum Phase: Sendable, Equatable { case starting, dialling, serving, over }

    enum Event: Sendable, Equatable {
        case ready
        case connected
        case message(ControlMessage)
        case heard
        case over(Problem)
    }

    private(set) var phase: Phase = .starting
    private var frames = ReaderFrames<ReaderReport>()

    /// Takes bytes that came from the reader.
    mutating func append(_ bytes: some Collection<UInt8>) { frames.append(bytes) }

    /// The next thing that the reader may have said; `nil` when more bytes are needed.
    ///
    /// - Throws: for the first thing that it may not say. The table is not used after that.
    mutating func next() throws(ReaderFault) -> Event? {
        guard let (report, content) = try frames.next() else { return nil }
        switch (phase, report) {
        case (.starting, .ready):
            phase = .dialling
            return .ready
        case (.dialling, .connected):
            phase = .serving
            return .connected
        case (.serving, .message): return .message(try Self.message(content))
        case (.serving, .heard): return .heard
        case (.dialling, .over), (.serving, .over):
            phase = .over
            return .over(try Self.problem(content))
        case (.starting, .connected), (.starting, .message), (.starting, .heard), (.starting, .over), (.dialling, .ready),
            (.dialling, .message), (.dialling, .heard), (.serving, .ready), (.serving, .connected), (.over, .ready),
            (.over, .connected), (.over, .message), (.over, .heard), (.over, .over):
            throw .outOfPhase(report, phase)
        }
    }

    private static func message(_ content: [UInt8]) throws(ReaderFault) -> ControlMessage {
        guard let text = String(validating: content, as: UTF8.self) else { throw .notText }
        let message: ControlMessage
        do throws(EvidenceError) {
            message = try ControlMessage(text)
        } catch {
            throw .notAMessage(error.message)
        }
        switch message {
        case .time, .ledgerHead, .roll, .open, .lease, .end, .grantsOver, .receiptStored: return message
        case .hello: throw .notForAnAgent("hello")
        case .refused: throw .notForAnAgent("refused")
        case .receipt: throw .notForAnAgent("receipt")
        case .leaseRefused: throw .notForAnAgent("lease-refused")
        case .ledgerSeen: throw .notForAnAgent("ledger-seen")
        case .facts: throw .notForAnAgent("facts")
        case .distrusts: throw .notForAnAgent("distrusts")
        case .leaseMoved: throw .notForAnAgent("lease-moved")
        case .accepted: throw .notForAnAgent("accepted")
        case .opening: throw .notForAnAgent("opening")
        case .rejoin: throw .notForAnAgent("rejoin")
        case .recorded: throw .notForAnAgent("recorded")
        case .clientLost: throw .notForAnAgent("client-lost")
        case .watched: throw .notForAnAgent("watched")
        case .attach: throw .notForAnAgent("attach")
        case .attached: throw .notForAnAgent("attached")
        }
    }

    private static func problem(_ content: [UInt8]) throws(ReaderFault) -> Problem {
        do throws(JSONError) {
            let value = try JSONValue(parsing: content, limits: JSONLimits(bytes: ReaderReport.over.limit))
            return Problem(value, status: 503)
        } catch {
            throw .notAProblem(error.message)
        }
    }
}
