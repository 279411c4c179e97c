// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Posix

/// A yes that only a person can give, to a question that the person has seen.
enum Confirmation {
    /// - Throws: ``ClientError/needsConfirmation`` where there is nobody to ask, ``ClientError/notConfirmed`` for anything
    ///   but `y` or `yes`.
    static func ask(_ question: String, in console: Console) throws {
        let answer = try line("\(question) [y/N] ", in: console).map { $0 | 0x20 }
        guard answer == Array("y".utf8) || answer == Array("yes".utf8) else { throw ClientError.notConfirmed }
    }

    static var isPossible: Bool { StandardStream.input.isTerminal && StandardStream.error.isTerminal }

    /// One line that a person types, without blanks and controls.
    ///
    /// - Throws: ``ClientError/needsConfirmation`` where there is nobody to ask.
    static func line(_ prompt: String, in console: Console) throws -> [UInt8] {
        guard isPossible else { throw ClientError.needsConfirmation }
        // SECURITY: what was typed before the question is not its answer.
        StandardStream.input.discardTypedAhead()
        console.errors(prompt)
        var line: [UInt8] = []
        while line.count < 64, line.last != UInt8(ascii: "\n") {
            let piece = try Transfer.read(StandardStream.input.rawValue, maximum: 64)
            if piece.isEmpty { break }
            line += piece
        }
        return line.filter { $0 > 0x20 }
    }
}
