// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Why a text is not a policy: where, what, and what to write instead.
package struct PolicyError: Explainable, Equatable {
    package let code: String
    package let message: String
    package let hint: String?

    package init(code: String = "policy.invalid", message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}
