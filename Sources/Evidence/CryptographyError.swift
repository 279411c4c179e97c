// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// A call into OpenSSL that failed. Nothing from outside causes it; it means no memory or a broken library.
package struct CryptographyError: Explainable, Equatable {
    package let call: String

    package var code: String { "internal.cryptography" }
    package var message: String { "The cryptographic library failed in \(call)." }
    package var hint: String? { "Free memory on this machine, or reinstall libssl3." }
}
