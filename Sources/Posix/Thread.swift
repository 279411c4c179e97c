// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A thread of its own for work that blocks: one for each live session.
package enum Thread {
    /// Starts a detached thread.
    ///
    /// - Parameter name: shown by `top -H`; the kernel keeps 15 bytes.
    /// - Parameter stackSize: bytes; 256 KiB are enough for OpenSSL.
    package static func start(
        _ name: String, stackSize: Int = 256 * 1024, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        var attributes = pthread_attr_t()
        try checkNumber("pthread_attr_init") { pthread_attr_init(&attributes) }
        defer { pthread_attr_destroy(&attributes) }
        try checkNumber("pthread_attr_setstacksize") { pthread_attr_setstacksize(&attributes, stackSize) }
        try checkNumber("pthread_attr_setdetachstate") {
            pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        }
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let number = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, start.toOpaque())
        guard number == 0 else {
            start.release()
            throw SystemError(call: "pthread_create", errno: number, subject: name)
        }
    }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }

        func run() {
            stint_set_name(name)
            body()
        }
    }
}
