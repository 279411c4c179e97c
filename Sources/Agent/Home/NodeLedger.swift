// SPDX-License-Identifier: Apache-2.0
// SECURITY: a broker that shows less of its ledger than this node has seen, or another history, gets no session opened
// (P5, P6).

package import Access
package import Evidence
import Glibc
import Posix
import StrictJSON

/// The highest head of the ledger that this node has seen, on disk before it counts.
package struct NodeLedger {
    private var seen: SeenLedger
    private let path: String
    /// Whether the broker has shown its head on the present channel.
    private var isShown = false

    package init(_ path: String, root: Digest, broker: PublicKey) throws {
        self.path = path
        guard access(path, F_OK) == 0 else {
            seen = try SeenLedger(root: root, broker: broker)
            return
        }
        do {
            let bytes = try DurableFile.read(path, maximumBytes: 16 * 1024)
            seen = try SeenLedger(root: root, broker: broker, stored: try SignedText(try JSONValue(parsing: bytes)))
        } catch {
            throw AgentError.homeDamaged(path: path, reason: AgentError(error).message)
        }
    }

    package var size: Int64 { seen.size }

    /// Takes what the broker shows.
    ///
    /// - Throws: `ledger.behind`, `ledger.forked`; what was seen before stays.
    package mutating func take(_ news: LedgerNews) throws {
        var next = seen
        if try next.take(news) {
            try DurableFile.writeAtomically(Array(news.head.json.text.utf8), to: path)
            seen = next
        }
        isShown = true
    }

    /// A new channel begins.
    package mutating func forgetChannel() { isShown = false }

    /// Refuses to go on where a head was seen once and the broker does not show one now.
    package func checkShown() throws(AgentError) {
        guard isShown || seen.size == 0 else { throw .ledgerNotShown }
    }
}
