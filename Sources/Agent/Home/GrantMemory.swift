// SPDX-License-Identifier: Apache-2.0
// SECURITY: a grant's time is anchored on the boot-time clock when the node first sees it, and what ended stays ended,
// whatever the wall clock and the broker say later (P2, P4).

package import Access
package import Evidence
import Glibc
import Posix
import StrictJSON

/// What a node remembers of each grant that was used on it.
package struct GrantMemory: Sendable {
    /// The clocks of this machine at one moment.
    package struct Moment: Sendable, Equatable {
        package let wall: Timestamp
        /// Nanoseconds of ``Posix/BootClock``.
        package let boot: Int64
        package let bootID: String

        package init(wall: Timestamp, boot: Int64, bootID: String) {
            self.wall = wall
            self.boot = boot
            self.bootID = bootID
        }

        package static func now() throws -> Moment {
            Moment(wall: .now, boot: BootClock.now, bootID: try BootClock.bootID())
        }
    }

    private let directory: String

    /// How long after its end a grant is remembered.
    private static let remembrance: Duration = .seconds(90 * 86_400)

    package init(_ directory: String) { self.directory = directory }

    /// When the grant's time is up on this node, from now on also after a restart.
    ///
    /// - Parameter request: the digest of the request that the grant came from.
    /// - Throws: ``Refusal/grantOver(_:_:_:)`` for a grant that has ended, whatever the clocks say.
    package func anchor(_ lease: Lease, of request: Digest, at now: Moment) throws -> GrantAnchor {
        if let reason = try endReason(of: request) { throw Refusal.grantOver(lease.grant, .ended, reason) }
        let known = try anchor(of: request)
        let anchor = try GrantAnchor(of: lease, after: known, at: now)
        if anchor != known { try save(anchor, of: request) }
        return anchor
    }

    /// Marks a grant as ended, for good. Agent and supervisors may do it at the same time: it is a file of its own.
    ///
    /// - Parameter until: from then on the grant's own time closes it, so that the mark need not be kept for ever.
    package func markEnded(_ request: Digest, _ reason: Grant.EndReason, until: Timestamp) throws {
        let path = endedPath(request)
        guard access(path, F_OK) != 0 else { return }
        try DurableFile.writeAtomically(Array("\(reason.rawValue) \(until.milliseconds)\n".utf8), to: path)
    }

    /// Whether a grant is over for this node. One that it does not remember is.
    package func isOver(_ request: Digest, at now: Moment) throws -> Bool {
        guard try endReason(of: request) == nil, let anchor = try anchor(of: request) else { return true }
        return anchor.bootID == now.bootID ? now.boot >= anchor.deadline : now.wall >= anchor.notAfter
    }

    /// Forgets grants whose time has been up for long.
    package func clean(at now: Timestamp) throws {
        for name in try DurableFile.listDirectory(directory) {
            if let digest = Self.digest(in: name, ".json"), let anchor = try anchor(of: digest) {
                if anchor.notAfter + Self.remembrance < now { try DurableFile.remove(path(digest)) }
            } else if let digest = Self.digest(in: name, ".ended"), let until = try ending(of: digest)?.until {
                if until + Self.remembrance < now { try DurableFile.remove(endedPath(digest)) }
            }
        }
    }

    /// Why a grant has ended for this node; `nil` when it has not.
    package func endReason(of request: Digest) throws -> Grant.EndReason? { try ending(of: request)?.reason }

    /// A mark that cannot be read ends the grant all the same, and is kept.
    private func ending(of request: Digest) throws -> (reason: Grant.EndReason, until: Timestamp?)? {
        guard access(endedPath(request), F_OK) == 0 else { return nil }
        let bytes = try DurableFile.read(endedPath(request), maximumBytes: 64)
        let words = bytes.prefix { $0 != UInt8(ascii: "\n") }.split(separator: UInt8(ascii: " "))
            .map { String(decoding: $0, as: UTF8.self) }
        let until = words.dropFirst().first.flatMap { Int64($0) }.flatMap {
            Timestamp.validRange.contains($0) ? Timestamp(milliseconds: $0) : nil
        }
        return (words.first.flatMap { Grant.EndReason(rawValue: $0) } ?? .revoked, until)
    }

    private static func digest(in name: String, _ suffix: String) -> Digest? {
        name.hasSuffix(suffix) ? Digest(hex: String(name.dropLast(suffix.count))) : nil
    }

    private func path(_ request: Digest) -> String { directory + "/" + request.hex + ".json" }
    private func endedPath(_ request: Digest) -> String { directory + "/" + request.hex + ".ended" }

    private func anchor(of request: Digest) throws -> GrantAnchor? {
        let path = path(request)
        guard access(path, F_OK) == 0 else { return nil }
        let bytes = try DurableFile.read(path, maximumBytes: 4096)
        do {
            var reader = try ObjectReader(try JSONValue(parsing: bytes))
            let anchor = GrantAnchor(
                bootID: try reader.string("boot", maximum: 64), deadline: try reader.integer("deadline", in: 0...Int64.max),
                leaseVersion: try reader.integer("lease", in: 1...1_000_000),
                notBefore: Timestamp(milliseconds: try reader.integer("notBefore", in: Timestamp.validRange)),
                notAfter: Timestamp(milliseconds: try reader.integer("notAfter", in: Timestamp.validRange)))
            try reader.finish()
            return anchor
        } catch {
            throw AgentError.homeDamaged(path: path, reason: AgentError(error).message)
        }
    }

    private func save(_ anchor: GrantAnchor, of request: Digest) throws {
        let value: JSONValue = .object([
            "boot": .string(anchor.bootID), "deadline": .integer(anchor.deadline),
            "lease": .integer(anchor.leaseVersion), "notBefore": .integer(anchor.notBefore.milliseconds),
            "notAfter": .integer(anchor.notAfter.milliseconds),
        ])
        try DurableFile.writeAtomically(Array((value.text + "\n").utf8), to: path(request))
    }
}
