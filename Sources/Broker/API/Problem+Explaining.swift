// SPDX-License-Identifier: Apache-2.0

import Posix
import Protocol
import Storage
import StrictJSON
import Transport

extension Problem {
    /// The one place where an error becomes what a caller sees. What cannot explain itself is told as internal, with the
    /// reference under which the log has it.
    init(explaining error: any Error) {
        switch error {
        case let error as Problem: self = error
        case let error as any Explainable: self.init(error)
        case let error as StorageError:
            self.init(status: 503, code: error.code, message: error.message, hint: error.hint)
        case let error as SystemError:
            self.init(status: 503, code: error.code, message: error.message, hint: error.hint)
        case let error as TransportError:
            self.init(status: 503, code: error.code, message: error.message, hint: error.hint)
        default:
            let reference = Random.hexadecimal(bytes: 4)
            Log.error("\(reference): \(error)")
            self.init(
                status: 500, code: "internal", message: "Something failed that should not.",
                hint: "The broker's log tells more at \(reference).")
        }
    }
}
