// SPDX-License-Identifier: Apache-2.0
// SECURITY: the folder is there from before the supervisor starts until the broker has stored the receipt, so that no
// crash of either process loses a session or its end (P4).

package import Access
package import Evidence
import Glibc
package import Posix
package import Protocol
import StrictJSON

/// The directory of one session: what its supervisor and the agents that come and go know of it.
package struct SessionFolder: Sendable {
    package let id: SessionID
    package let path: String

    package init(id: SessionID, path: String) {
        self.id = id
        self.path = path
    }

    package var controlPath: String { path + "/control.fifo" }
    private var leasePath: String { path + "/lease.json" }
    private var movePath: String { path + "/extension.json" }
    private var receiptPath: String { path + "/receipt.json" }

    package var exists: Bool { access(path, F_OK) == 0 }

    /// Whether there is something to settle. Without a lease no process was ever started, and without a receipt beside it
    /// the folder is what a crash left of making or removing it.
    package var isEmpty: Bool { access(leasePath, F_OK) != 0 && access(receiptPath, F_OK) != 0 }

    /// Makes the folder with the lease in it. Durable when it returns.
    package func make(for terms: SessionTerms) throws {
        guard mkdir(path, 0o700) == 0 else { throw SystemError(call: "mkdir", errno: errno, subject: path) }
        try DurableFile.writeAtomically(Array((terms.json.text + "\n").utf8), to: leasePath)
        // Last, so that a file system with a journal has it on disk already: without its lease the folder is nothing.
        try DurableFile.synchroniseDirectory(of: path)
        guard mkfifo(controlPath, 0o600) == 0 || errno == EEXIST else {
            throw SystemError(call: "mkfifo", errno: errno, subject: controlPath)
        }
    }

    package func terms() throws -> SessionTerms {
        try Self.terms(in: try DurableFile.read(leasePath, maximumBytes: Self.maximumTerms))
    }

    /// To read them from, for a process that may not come here.
    func openTerms() throws(SystemError) -> OwnedDescriptor { try DurableFile.openToRead(leasePath) }

    static let maximumTerms = 2 * SignedText.maximumLength

    static func terms(in bytes: [UInt8]) throws -> SessionTerms {
        try SessionTerms(try JSONValue(parsing: bytes, limits: JSONLimits(bytes: maximumTerms)))
    }

    /// The lease that took the place of the first; `nil` while none did.
    package func leaseMove() throws -> LeaseMove? {
        guard access(movePath, F_OK) == 0 else { return nil }
        return try LeaseMove(try JSONValue(parsing: try DurableFile.read(movePath, maximumBytes: 4096)))
    }

    package func save(_ move: LeaseMove) throws {
        try DurableFile.writeAtomically(Array((move.json.text + "\n").utf8), to: movePath)
    }

    /// Held by the supervisor while it lives; who gets it knows that there is none.
    ///
    /// - Throws: `system.in-use` while the supervisor lives.
    package func lock() throws(SystemError) -> FileLock { try FileLock(path + "/lock") }

    // MARK: Receipt

    package func save(_ receipt: Signed<ReceiptStatement>) throws {
        try DurableFile.writeAtomically(Array((receipt.source.json.text + "\n").utf8), to: receiptPath)
    }

    /// The receipt; `nil` while the session has not ended.
    package func receipt() throws -> Signed<ReceiptStatement>? {
        guard access(receiptPath, F_OK) == 0 else { return nil }
        let limits = JSONLimits(bytes: 2 * SignedText.maximumLength)
        let bytes = try DurableFile.read(receiptPath, maximumBytes: limits.bytes)
        return try Signed(try SignedText(try JSONValue(parsing: bytes, limits: limits)))
    }

    /// The broker has the receipt: nothing is left to remember.
    package func remove() throws { try DurableFile.removeDirectory(path) }

    // MARK: Control

    /// Opens the supervisor's end of the way from the agent. Opened for writing too, so that it never ends.
    package func openControl() throws -> OwnedDescriptor {
        let number = open(controlPath, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard number >= 0 else { throw SystemError(call: "open", errno: errno, subject: controlPath) }
        return OwnedDescriptor(owning: number)
    }

    /// Tells the supervisor something, in one line. One write of less than PIPE_BUF bytes is never torn (pipe(7)).
    ///
    /// - Throws: `system.enxio` when there is no supervisor.
    package func tell(_ message: ControlMessage) throws {
        let line = Array((message.text + "\n").utf8)
        guard line.count <= 4096 else { throw SystemError(call: "write", errno: EMSGSIZE, subject: controlPath) }
        let number = open(controlPath, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard number >= 0 else { throw SystemError(call: "open", errno: errno, subject: controlPath) }
        let writer = OwnedDescriptor(owning: number)
        _ = try line.withUnsafeBytes { bytes throws(SystemError) in try writer.write(bytes) }
    }
}
