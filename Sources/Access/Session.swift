// SPDX-License-Identifier: Apache-2.0
// SECURITY: the session's state machine; an ended session never lives again (P2, P4).

/// One use of a grant on one node, as the broker sees it.
///
///   opening ─ accept ─▶ live ⇄ detached
///      │                 │        │
///      └──── end ────────┴────────┴─▶ ending ── receipt ─▶ ended
///
/// `ended` without a receipt is unconfirmed: the node could not be reached and its own deadline is past.
package struct Session: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case opening, live, detached, ending, ended
    }

    /// Why a session is over. The raw values are what people and scripts see.
    package enum EndReason: String, Sendable, CaseIterable {
        /// The shell or command ended by itself.
        case exited
        /// The grant's time is up.
        case expired
        /// The session's own maximum is reached.
        case maximumDuration = "maximum-duration"
        case idle
        case revoked
        /// The holder gave the grant back.
        case released
        /// Somebody ended this session alone.
        case ended
        case personDisabled = "person-disabled"
        /// The operator closed the client.
        case clientClosed = "client-closed"
        /// No word from the broker within the lease.
        case leaseLost = "lease-lost"
        /// A frame failed its authentication: somebody in between changed, dropped or inserted something.
        case tampered
        /// The recorder failed and the policy demands one.
        case recorderFailed = "recorder-failed"
        /// The node refused to open it.
        case refused
        /// Something broke on the node.
        case failed
        /// The node did not report within its deadline and margin.
        case unconfirmed
    }

    package enum Event: Sendable, Equatable {
        case accept
        case detach
        case attach
        case end(EndReason)
        /// The node's receipt says it is over. The node's reason wins over what the broker expected.
        case receipt(EndReason)
        /// The node's own deadline and margin are past and nothing was heard.
        case giveUp
    }

    package let id: SessionID
    package let grant: GrantID
    package private(set) var endReason: EndReason?
    package private(set) var state: State
    package private(set) var version: Int64

    package init(id: SessionID, grant: GrantID, endReason: EndReason? = nil, state: State = .opening, version: Int64 = 1) {
        self.id = id
        self.grant = grant
        self.endReason = endReason
        self.state = state
        self.version = version
    }

    /// - Throws: ``Refusal/sessionOver(_:)`` or ``Refusal/sessionNotOpen(_:)``; the value is unchanged then.
    package mutating func apply(_ event: Event) throws(Refusal) {
        switch (state, event) {
        case (.opening, .accept), (.detached, .attach): become(.live)
        case (.live, .detach): become(.detached)
        case (.opening, .end(let reason)), (.live, .end(let reason)), (.detached, .end(let reason)):
            endReason = reason
            become(.ending)
        case (.opening, .receipt(let reason)), (.live, .receipt(let reason)), (.detached, .receipt(let reason)),
            (.ending, .receipt(let reason)):
            endReason = reason
            become(.ended)
        case (.opening, .giveUp), (.live, .giveUp), (.detached, .giveUp), (.ending, .giveUp):
            endReason = .unconfirmed
            become(.ended)
        case (.ended, _): throw .sessionOver(id)
        case (.live, .accept), (.live, .attach), (.opening, .detach), (.opening, .attach), (.detached, .accept),
            (.detached, .detach), (.ending, .accept), (.ending, .detach), (.ending, .attach), (.ending, .end):
            throw .sessionNotOpen(id)
        }
    }

    private mutating func become(_ next: State) {
        state = next
        version += 1
    }
}
