// SPDX-License-Identifier: Apache-2.0
// SECURITY: what we accept is decided in this program, never by the machine's configuration of OpenSSL: that may switch algorithms
// off or on, and load code.

import COpenSSL

/// OpenSSL, for the whole process.
package enum CryptographyLibrary {
    /// Sets it up. The first thing that a program does, since whichever call of OpenSSL comes first reads the configuration.
    ///
    /// When the program ends, nothing is taken down: the kernel does that faster, and threads may still be at work.
    package static func start() {
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG) | UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
    }
}
