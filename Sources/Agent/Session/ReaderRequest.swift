// SPDX-License-Identifier: Apache-2.0
// SECURITY: THE TABLE. All that the root half of a supervisor takes from the half that reads the network is decoded and
// judged in this file: by kind, exact length, phase and count. Whatever is not in the table ends the session. A request
// carries numbers, keys and digests; nothing that is signed, executed or opened is ever made of the reader's own words.

import Access
import Evidence
import Posix
import Protocol

/// What the reader may ask the keeper for, and when.
///
///     kind  name      what follows it, in bytes              taken in               how often
///     1     accept    X25519 key 32                          opening                once
///     2     start     nothing                                accepted               once
///     3     attach    digest 32 · X25519 key 32 · input 8    live, draining,        100,000 times
///                     · output 8 · error output 8            emptying, closing
///     4     end       reason 1 · words for people 0...500    opening to draining    once
///     5     drained   nothing                                draining               once
///     6     counted   input 8 · output 8                     emptying               once
///     7     stored    nothing                                closing                once
///     8     key       nothing                                opening to closing     100,000 times
///
/// Numbers are big-endian. Reader and keeper speak at the same time: a request of a phase that has just gone by is no
/// violation where the keeper went on by itself, and does nothing (``RequestTable/Answer/late``).
enum ReaderRequest: Equatable, Sendable {
    /// Sign that the opening is accepted, with this key as the node's half of the agreement.
    case accept(ephemeral: [UInt8])
    /// There is a recording: let the program begin.
    case start
    /// Sign that the client is attached again.
    case attach(Attachment)
    /// End the session.
    case end(Session.EndReason, detail: String)
    /// The program's outputs were read as far as they will be.
    case drained
    /// Bytes that the program was given and that it wrote.
    case counted(input: Int64, output: Int64)
    /// The broker has the receipt.
    case stored
    /// Make a new key for connections.
    case key

    struct Attachment: Equatable, Sendable {
        /// Of the statement that is answered.
        let digest: Digest
        let ephemeral: [UInt8]
        /// Where the streams go on.
        let input: UInt64
        let output: UInt64
        let errorOutput: UInt64
    }

    /// Why a message is no request.
    enum Violation: Error, Equatable {
        case unknown(UInt8)
        case wrongLength(Kind, Int)
        case outOfRange(Kind)
        case outOfPhase(Kind, Phase)
        case tooOften(Kind)
        case tooLong(Int)
        case withDescriptors

        var text: String {
            switch self {
            case .unknown(let kind): "a request of kind \(kind), which there is not"
            case .wrongLength(let kind, let length): "\(kind) in a message of \(length) bytes"
            case .outOfRange(let kind): "\(kind) with a number that it does not take"
            case .outOfPhase(let kind, let phase): "\(kind) while the session is \(phase)"
            case .tooOften(let kind): "\(kind) too often"
            case .tooLong(let length): "something in a message of \(length) bytes"
            case .withDescriptors: "something with a descriptor"
            }
        }
    }

    enum Kind: UInt8, CaseIterable, Sendable {
        case accept = 1, start, attach, end, drained, counted, stored, key
    }

    /// Where a session is, as far as requests hang on it.
    enum Phase: UInt8, CaseIterable, Comparable, Sendable {
        /// There is no session yet: nothing is taken.
        case waiting
        /// The reader dials and agrees with the client.
        case opening
        /// The acceptance is signed; the program waits for its recording.
        case accepted
        case live
        /// The program has ended by itself.
        case draining
        /// All of the session was killed.
        case emptying
        /// The receipt is on disk.
        case closing
        case over

        static func < (one: Phase, other: Phase) -> Bool { one.rawValue < other.rawValue }
    }

    static let keyLength = 32
    static let maximumDetail = 500
    /// The longest message: an `end` with all its words.
    static let maximumLength = 2 + maximumDetail

    /// The reasons that a reader may give. What only the keeper can know is not among them.
    static let reasons: [Session.EndReason] = [
        .expired, .maximumDuration, .idle, .revoked, .released, .ended, .personDisabled, .clientClosed, .leaseLost, .tampered,
        .recorderFailed, .failed,
    ]

    var kind: Kind {
        switch self {
        case .accept: .accept
        case .start: .start
        case .attach: .attach
        case .end: .end
        case .drained: .drained
        case .counted: .counted
        case .stored: .stored
        case .key: .key
        }
    }

    // MARK: Bytes

    var bytes: [UInt8] {
        var message = [kind.rawValue]
        switch self {
        case .accept(let ephemeral): message += ephemeral
        case .attach(let attachment):
            message += attachment.digest.bytes + attachment.ephemeral
            for offset in [attachment.input, attachment.output, attachment.errorOutput] { message += Self.bytes(offset) }
        case .end(let reason, let detail):
            message.append(UInt8(clamping: Self.reasons.firstIndex(of: reason) ?? Self.reasons.count - 1))
            message += detail.utf8.prefix(Self.maximumDetail)
        case .counted(let input, let output):
            message += Self.bytes(UInt64(clamping: input)) + Self.bytes(UInt64(clamping: output))
        case .start, .drained, .stored, .key: break
        }
        return message
    }

    /// - Throws: for everything but a whole request of the table.
    init(_ message: [UInt8]) throws(Violation) {
        guard message.count <= Self.maximumLength else { throw .tooLong(message.count) }
        guard let first = message.first, let kind = Kind(rawValue: first) else { throw .unknown(message.first ?? 0) }
        var rest = message.dropFirst()
        guard kind.lengths.contains(rest.count) else { throw .wrongLength(kind, message.count) }
        switch kind {
        case .accept: self = .accept(ephemeral: Array(rest))
        case .start: self = .start
        case .attach:
            guard let digest = Digest(bytes: Array(rest.prefix(Self.keyLength))) else { throw .outOfRange(kind) }
            rest = rest.dropFirst(Self.keyLength)
            let ephemeral = Array(rest.prefix(Self.keyLength))
            rest = rest.dropFirst(Self.keyLength)
            self = .attach(
                Attachment(
                    digest: digest, ephemeral: ephemeral, input: try Self.number(&rest, kind), output: try Self.number(&rest, kind),
                    errorOutput: try Self.number(&rest, kind)))
        case .end:
            guard let reason = rest.popFirst(), Int(reason) < Self.reasons.count else { throw .outOfRange(kind) }
            self = .end(Self.reasons[Int(reason)], detail: String(decoding: rest, as: UTF8.self))
        case .drained: self = .drained
        case .counted:
            let (input, output) = (try Self.number(&rest, kind), try Self.number(&rest, kind))
            self = .counted(input: Int64(clamping: input), output: Int64(clamping: output))
        case .stored: self = .stored
        case .key: self = .key
        }
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
    }

    /// The next eight bytes; a count of bytes fits in 63 bits.
    private static func number(_ rest: inout ArraySlice<UInt8>, _ kind: Kind) throws(Violation) -> UInt64 {
        let bytes = rest.prefix(8)
        rest = rest.dropFirst(8)
        let number = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard bytes.count == 8, number <= UInt64(Int64.max) else { throw .outOfRange(kind) }
        return number
    }
}

extension ReaderRequest.Kind {
    /// Lengths of what follows the kind.
    fileprivate var lengths: ClosedRange<Int> {
        switch self {
        case .accept: 32...32
        case .start, .drained, .stored, .key: 0...0
        case .attach: 88...88
        case .end: 1...(1 + ReaderRequest.maximumDetail)
        case .counted: 16...16
        }
    }

    /// The phases in which it is done.
    fileprivate var phases: ClosedRange<ReaderRequest.Phase> {
        switch self {
        case .accept: .opening ... .opening
        case .start: .accepted ... .accepted
        case .attach: .live ... .closing
        case .end: .opening ... .draining
        case .drained: .draining ... .draining
        case .counted: .emptying ... .emptying
        case .stored: .closing ... .closing
        case .key: .opening ... .closing
        }
    }

    /// How often a session needs it at most.
    fileprivate var most: Int {
        switch self {
        case .accept, .start, .end, .drained, .counted, .stored: 1
        // An attachment every second for more than a day, a key every minute for more than two months.
        case .attach, .key: 100_000
        }
    }
}

/// Judges the requests of one session.
struct RequestTable: Sendable {
    enum Answer: Equatable, Sendable {
        case perform(ReaderRequest)
        /// It was asked for in time, and the keeper went on meanwhile.
        case late
    }

    private var counts = [Int](repeating: 0, count: ReaderRequest.Kind.allCases.count + 1)

    /// - Throws: for what is not in the table, now or ever. Nothing that comes after is to be heard.
    mutating func judge(_ message: [UInt8], in phase: ReaderRequest.Phase) throws(ReaderRequest.Violation) -> Answer {
        let request = try ReaderRequest(message)
        let kind = request.kind
        counts[Int(kind.rawValue)] += 1
        guard counts[Int(kind.rawValue)] <= kind.most else { throw .tooOften(kind) }
        if kind.phases.contains(phase) { return .perform(request) }
        // The keeper ends a session at any time. Before there is one, and ahead of its phase, nothing crosses.
        guard phase > kind.phases.upperBound, isCrossing(kind, in: phase) else { throw .outOfPhase(kind, phase) }
        return .late
    }

    /// Whether a request can still be on its way when the keeper has gone on to `phase` by itself.
    private func isCrossing(_ kind: ReaderRequest.Kind, in phase: ReaderRequest.Phase) -> Bool {
        switch kind {
        // A program may end at its gate, and a session before it began.
        case .accept, .start: phase >= .draining
        // After the program's end, or that of the session.
        case .end, .drained, .counted: true
        // The last thing that is asked for.
        case .attach, .stored, .key: false
        }
    }
}
