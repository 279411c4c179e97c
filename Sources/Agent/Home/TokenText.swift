// SPDX-License-Identifier: Apache-2.0

import Evidence
import Posix

/// Where a token comes from when it is not on the command line, which other users of the machine can see.
package enum TokenText {
    package static func read(file path: String) throws -> String {
        String(decoding: try DurableFile.read(path, maximumBytes: JoinToken.maximumLength + 256), as: UTF8.self)
    }

    /// Everything from the standard input, up to the length that a token may have.
    package static func readStandardInput() throws -> String {
        var bytes: [UInt8] = []
        while bytes.count <= JoinToken.maximumLength {
            let piece = try Transfer.read(StandardStream.input.rawValue, maximum: 4096)
            if piece.isEmpty { break }
            bytes += piece
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
