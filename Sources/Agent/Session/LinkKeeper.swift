// SPDX-License-Identifier: Apache-2.0

import Access
import Posix
import Protocol
import Transport

/// Keeps a session's way to the broker: notices when it is lost, and dials another one, without ever making the
/// reader wait: deadlines hold meanwhile (P2).
final class LinkKeeper {
    private let id: SessionID
    /// Dials with the key that was made last.
    private(set) var dialer: SessionDialer
    private var keyAt: BootInstant?
    private(set) var link: SessionLink?
    private var call: BackgroundCall<WebSocketStream>?
    private var dialAt: BootInstant?
    /// When the link counts as lost if nothing comes.
    private var silentAt: BootInstant = .now + Limits.sessionSilence
    private var backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))

    init(_ id: SessionID, _ dialer: SessionDialer) {
        self.id = id
        self.dialer = dialer
    }

    /// How often another key is asked for while nobody answers.
    private static let keyAge: Duration = .seconds(60)

    /// Takes the session's first link.
    func begin(with link: SessionLink) {
        self.link = link
        silentAt = .now + Limits.sessionSilence
    }

    /// Something came over the link.
    func heard(at now: BootInstant) {
        silentAt = now + Limits.sessionSilence
        backoff.reset()
    }

    /// When ``look(at:)`` has something to do even if nothing comes.
    var due: BootInstant? { link == nil ? dialAt : silentAt }

    /// Readable when a call has ended; -1 while there is none.
    var number: Int32 { call?.number ?? -1 }

    func isSilent(at now: BootInstant) -> Bool { link != nil && now >= silentAt }

    /// The link is of no use any more; another one is dialled in a moment.
    func drop(at now: BootInstant) {
        link?.close()
        link = nil
        dialAt = now + backoff.wait()
    }

    /// Closes the link for good.
    func close() {
        link?.close()
        link = nil
        call = nil
        dialAt = nil
    }

    /// Whether a connection is to be dialled, and no key was asked for lately. Asked once, it counts as asked for.
    func needsKey(at now: BootInstant) -> Bool {
        guard link == nil, dialAt != nil, keyAt.map({ now >= $0 + Self.keyAge }) ?? true else { return false }
        keyAt = now
        return true
    }

    func take(_ dialer: SessionDialer) { self.dialer = dialer }

    /// Dials when it is time.
    ///
    /// - Returns: a new link, which has told the broker whose it is and has no client yet.
    func look(at now: BootInstant) -> SessionLink? {
        if let result = call?.result {
            call = nil
            do {
                let link = SessionLink(try result.get())
                try link.send(.rejoin(id))
                self.link = link
                silentAt = now + Limits.sessionSilence
                return link
            } catch {
                dialAt = now + backoff.wait()
            }
        }
        guard link == nil, call == nil, let dialAt, now >= dialAt else { return nil }
        self.dialAt = nil
        do {
            call = try BackgroundCall("redial") { [id, dialer] in
                try dialer.dial(id)
            }
        } catch {
            // No thread now; there may be one later.
            self.dialAt = now + backoff.wait()
        }
        return nil
    }
}
