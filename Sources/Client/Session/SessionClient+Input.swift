// SPDX-License-Identifier: Apache-2.0

// SECURITY: what is typed for Stint itself is not sent to the program.

import Access
import Glibc
import Posix
import Protocol
import Terminal

/// What the operator types.
extension SessionClient {
    var wantsInput: Bool {
        !inputEnded && !hasEnded && !isClosing && inputRoom > 0
            && (channel?.outgoingBytes ?? 0) < Self.outgoingLimit
    }

    /// Two bytes are kept back: for a tilde that had waited, and for the end-of-file key.
    var inputRoom: Int { inputWindow.available - 2 }

    func readInput() throws {
        var bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Transfer.read(descriptors.input, maximum: min(hasTerminal ? Self.typedSize : Limits.frameFill, inputRoom))
        } catch {
            if error.wouldBlock { return }
            guard error.errno == EIO else { throw error }
            bytes = []  // the terminal is gone, or we are in the background
        }
        guard !bytes.isEmpty else { return try endInput() }
        if hasTerminal, bytes.count >= Self.terminalPiece { try addPasted(to: &bytes) }
        let typed = takeTyped(bytes)
        guard var keys = escapes else { return try forward(typed) }
        let segments = keys.feed(typed)
        escapes = keys
        for segment in segments {
            switch segment {
            case .forward(let part): try forward(takeTyped(part))
            case .command(let command): try obey(command)
            }
        }
    }

    /// A paste: the terminal gives more as soon as it is asked.
    private func addPasted(to bytes: inout [UInt8]) throws(SystemError) {
        var entries = [PollEntry(descriptors.input, .input)]
        while bytes.count < min(Self.typedSize, inputRoom), try Poll.wait(&entries, timeout: .zero) > 0 {
            // What cannot be read now is read, or found to be over, the next time.
            guard entries[0].found == .input, let more = try? Transfer.read(descriptors.input, maximum: min(Self.typedSize, inputRoom) - bytes.count)
            else { return }
            bytes += more
            if more.count < Self.terminalPiece { return }
        }
    }

    /// Keys of a line for us are not the program's.
    ///
    /// - Returns: those that are.
    func takeTyped(_ bytes: [UInt8]) -> [UInt8] {
        guard moreTime.isTyping else { return bytes }
        let (echo, rest, error) = moreTime.take(bytes)
        // Without a screen nobody sees what is typed; it counts all the same.
        try? Transfer.writeAll(descriptors.errors, echo)
        if let error { show(error) }
        return rest
    }

    func forward(_ bytes: [UInt8]) throws {
        guard !isClosing, !bytes.isEmpty else { return }
        let offset = inputWindow.sent
        inputWindow.send(bytes.count)
        if session.ticket != nil { kept.append(bytes) }
        try channel?.sendInput(bytes, offset: offset)
        if channel?.isAsking == true { isDisturbed = true }
        lastInput = bytes.last
    }

    func endInput() throws {
        inputEnded = true
        if isRaw { return try close(.signalled(.hangUp, nil), within: Self.signalTime) }
        guard hasTerminal else {
            try channel?.send(.endOfInput(offset: inputWindow.sent))
            return
        }
        // In the middle of a line the key only ends the line (termios(3), VEOF), so it takes two.
        let isLineStart = lastInput.map { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") } ?? true
        try forward(Array(repeating: Self.endOfFileKey, count: isLineStart ? 1 : 2))
        endKey = (.now + Self.endKeyPause, 5)
    }

    /// An end of file lasts and a key is read once: a shell that comes up later may have thrown it away.
    func pressEndKeyAgain() throws {
        guard let (due, left) = endKey, BootInstant.now >= due else { return }
        endKey = left > 1 ? (.now + Self.endKeyPause, left - 1) : nil
        guard ending == nil, closing == nil else { return }
        try forward([Self.endOfFileKey])
    }

    func obey(_ command: EscapeKeys.Command) throws {
        switch command {
        case .end: try close(.closed, within: Self.closeTime)
        case .help:
            show("~.  close the session      ~t  time left      ~+  ask for more time")
            show("~~  type one ~             ~?  this help; all of them at the start of a line")
        case .timeLeft: show("Until \(TimeText.deadline(notAfter, now: .now())).")
        case .moreTime:
            if let refusal = moreTime.begin() { return show(refusal) }
            // As in `show`.
            try? Transfer.writeAll(descriptors.errors, Array("\r\n[stint] \(MoreTime.prompt)".utf8))
        }
    }
}
