// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import Storage

extension GrantOver {
    /// - Returns: `nil` for a grant that has not ended, or whose own time closed it.
    init?(_ grant: StoredGrant, from request: StoredRequest) {
        guard let reason = grant.machine.endReason else { return nil }
        self.init(
            request: request.statement.digest, reason: reason,
            until: grant.machine.notAfter ?? grant.machine.activateBefore + grant.machine.granted)
    }
}
