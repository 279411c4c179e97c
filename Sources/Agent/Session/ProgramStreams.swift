// SPDX-License-Identifier: Apache-2.0

import CLinux
import Evidence
import Glibc
import Posix
import Protocol

/// The terminal of a session's program, or its three pipes, as the reader has them.
final class ProgramStreams {
    let input: ProgramInput
    let outputs: [ProgramOutput]
    /// Where input goes; -1 when the program's standard input was closed.
    private(set) var inputDescriptor: Int32
    private let isTerminal: Bool
    private var owned: [MessageSocket.OwnedNumber]

    /// - Parameter owned: the terminal; or the ends of standard input, output and error.
    /// - Returns: `nil` for any other number of descriptors.
    init?(_ owned: [MessageSocket.OwnedNumber]) {
        self.owned = owned
        switch owned.count {
        case 1:
            (isTerminal, inputDescriptor) = (true, owned[0].number)
            input = ProgramInput(window: Limits.terminalInputCredit)
            outputs = [
                ProgramOutput(
                    .output, .output, from: owned[0].number, window: Limits.terminalCredit, fill: Limits.terminalFill)
            ]
        case 3:
            (isTerminal, inputDescriptor) = (false, owned[0].number)
            input = ProgramInput(window: Limits.streamCredit)
            outputs = [
                ProgramOutput(.output, .output, from: owned[1].number, window: Limits.streamCredit),
                ProgramOutput(.errorOutput, .errorOutput, from: owned[2].number, window: Limits.streamCredit),
            ]
        default: return nil
        }
    }

    func output(_ stream: Frame.Stream) -> ProgramOutput? { outputs.first { $0.stream == stream } }

    /// Whether everything that the program and its children wrote was read.
    var isRead: Bool { outputs.allSatisfy { !$0.isOpen } }

    /// Bytes of all outputs.
    var outputBytes: Int64 { Int64(clamping: outputs.reduce(0) { $0 + $1.end }) }

    func resize(columns: UInt16, rows: UInt16) {
        guard isTerminal, columns > 0, rows > 0 else { return }
        // It fails only when the terminal is gone, which its reader is about to see.
        _ = stint_set_window_size(inputDescriptor, columns, rows)
    }

    /// Closes the program's standard input once all of it was written. A terminal has no such end: people type one.
    func closeInputIfEnded() {
        guard !isTerminal, input.hasEnded, input.isEmpty, inputDescriptor >= 0 else { return }
        owned.removeAll { $0.number == inputDescriptor }
        inputDescriptor = -1
    }
}
