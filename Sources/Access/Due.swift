// SPDX-License-Identifier: Apache-2.0
// SECURITY: what the passing of time alone does. The sweeper asks here and nowhere else, so that its decisions run under
// a virtual clock too; the machines test the same deadlines again when the event is applied (DESIGN 4).

extension AccessRequest {
    /// The event that is due at `now`, or `nil`.
    package func due(at now: Timestamp) -> Event? { state == .pending && now >= decideBefore ? .lapse : nil }
}

extension Grant {
    /// The event that is due at `now`, or `nil`.
    ///
    /// - Parameter unfinished: how many of its sessions have not ended.
    package func due(at now: Timestamp, unfinished: Int) -> Event? {
        switch state {
        case .ready: now >= activateBefore ? .lapse : nil
        case .active:
            if let notAfter, now >= notAfter { .expire } else { nil }
        case .ending: unfinished == 0 ? .settle : nil
        case .ended, .lapsed, .cancelled: nil
        }
    }
}

extension Session {
    /// How long after its grant's end a session of a silent node is given up: the node's own deadline and its lease are
    /// long past then.
    package static let silence: Duration = .seconds(120)

    /// The event that is due at `now`, or `nil`.
    ///
    /// - Parameter grantEnd: when the grant's time is up, by the broker's clock.
    package func due(at now: Timestamp, grantEnd: Timestamp?) -> Event? {
        guard state != .ended, let grantEnd, now > grantEnd + Self.silence else { return nil }
        return .giveUp
    }
}
