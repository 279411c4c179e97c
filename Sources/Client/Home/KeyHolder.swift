// SPDX-License-Identifier: Apache-2.0
// SECURITY: holds an opened device key in memory for a limited time, and gives it to processes of the same user only. It
// cannot be traced or dumped, asks for nothing, and ends by itself (docs/decisions/0060-protected-device-keys.md).

import Access
import Evidence
import Glibc
import Posix

/// A process of its own that remembers an opened key, as ssh-agent does, so that a passphrase is typed once and not for
/// every command.
package enum KeyHolder {
    /// The first word of its command line; no command, because nobody types it.
    static let argument = "__hold-key"
    /// How long a key stays open after its passphrase was typed.
    package static let usualLife: Duration = .seconds(15 * 60)
    package static let longestLife: Duration = .seconds(12 * 3600)

    private enum Question: UInt8 {
        case give = 0x67
        case forget = 0x66
    }

    // MARK: What commands ask

    /// The key, if one is held for this home.
    static func key(for home: ClientHome) -> SecretBytes? {
        // Nobody listens, or something else than a holder: the passphrase is asked then.
        guard let socket = try? LocalSocket.connect(home.keySocketPath), (try? socket.writeAll([Question.give.rawValue])) != nil
        else { return nil }
        var got = 0
        let seed = SecretBytes(count: SigningKey.seedLength) { target in
            while got < target.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: target[got...])
                guard let count = try? socket.read(into: rest), count > 0 else { return }  // it ended: asked again
                got += count
            }
        }
        if got == SigningKey.seedLength { return seed }
        return nil
    }

    /// Ends the holder.
    ///
    /// - Returns: whether there was one.
    static func forget(for home: ClientHome) -> Bool {
        guard let socket = try? LocalSocket.connect(home.keySocketPath),  // nobody listens
            (try? socket.writeAll([Question.forget.rawValue])) != nil
        else { return false }
        _ = try? socket.read(maximum: 1)  // until it has closed, so that the next command finds none
        return true
    }

    /// Starts a holder, which takes the place of the one that is there.
    static func start(_ seed: borrowing SecretBytes, for home: ClientHome, life: Duration) throws {
        _ = forget(for: home)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemError(call: "pipe", errno: errno) }
        let output = OwnedDescriptor(owning: ends[0])
        let input = OwnedDescriptor(owning: ends[1])
        var request = SpawnRequest(
            try Environment.executablePath(),
            ["stint", argument, home.keySocketPath, String(min(life, longestLife).components.seconds)])
        request.descriptors = [.descriptor(output.number), .null, .null]
        request.newSession = true
        _ = try request.start()
        try seed.reveal { try input.writeAll(Array($0)) }
    }

    // MARK: The process

    /// Runs the holder: socket path and seconds are its arguments, the key is on its standard input.
    static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.count == 2, let seconds = Int64(arguments[1]), (1...longestLife.components.seconds).contains(seconds)
            else { return 2 }
            let deadline = BootInstant.now + .seconds(seconds)
            try ProcessControl.forbidInspection()
            let seed = try read()
            try serve(seed, arguments[0], until: deadline)
            return 0
        } catch {
            return 1  // there is nobody to tell; the next command asks for the passphrase
        }
    }

    private static func read() throws(SystemError) -> SecretBytes {
        var got = 0
        let seed = try SecretBytes(count: SigningKey.seedLength) { target throws(SystemError) in
            while got < target.count {
                let count = try Transfer.read(0, into: UnsafeMutableRawBufferPointer(rebasing: target[got...]))
                guard count > 0 else { throw SystemError(call: "read", errno: EPIPE) }
                got += count
            }
        }
        return seed
    }

    private static func serve(_ seed: borrowing SecretBytes, _ path: String, until deadline: BootInstant) throws {
        // What a holder left that was killed; one that lives has been told to end.
        _ = unlink(path)
        let listener = try LocalSocket.listen(path)
        defer { unlink(path) }
        let timer = try DeadlineTimer()
        try timer.set(deadline)
        var entries = [PollEntry(listener.number, .input), PollEntry(timer.number, .input)]
        while true {
            _ = try Poll.wait(&entries, timeout: nil)
            if entries[1].isReadable { return }
            guard let peer = try? LocalSocket.accept(listener) else { continue }  // another user, or gone again
            guard try answer(peer, seed) else { return }
        }
    }

    /// - Returns: false when the key is to be forgotten.
    private static func answer(_ peer: borrowing OwnedDescriptor, _ seed: borrowing SecretBytes) throws -> Bool {
        var waiting = [PollEntry(peer.number, .input)]
        // A peer that says nothing does not keep others waiting.
        guard try Poll.wait(&waiting, timeout: .seconds(1)) > 0, let byte = try? peer.read(maximum: 1).first else { return true }
        switch Question(rawValue: byte) {
        case .give:
            seed.reveal { bytes in _ = send(peer.number, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
            return true
        case .forget: return false
        case nil: return true
        }
    }
}
