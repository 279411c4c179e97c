// SPDX-License-Identifier: Apache-2.0
// SECURITY: every entry is verified when it comes in, down to the root that this client pinned, and again when it is read,
// but for signatures that this device has noted, under its own key, to have verified (`CheckedRoll`). The cache only grows: a broker that serves less or something else than was seen here is refused (P1).

package import Access
package import Evidence
import Posix
import StrictJSON

/// This client's own copy of the roll: one entry a line, as it was signed.
package struct RollCache: Sendable {
    package private(set) var roll: Roll
    private var lines: [UInt8]
    private let path: String
    private let pin: (root: Digest, broker: PublicKey)

    private static let maximumBytes = 256 * 1024 * 1024

    /// Reads what is there; an absent file is an empty roll.
    ///
    /// - Parameter device: notes what it has verified, so that it need not do so again.
    package init(_ home: ClientHome, root: Digest, broker: PublicKey, device: SigningKey? = nil) throws {
        path = home.rollPath
        pin = (root, broker)
        roll = Roll()
        lines = []
        let stored = try home.read(path, maximumBytes: Self.maximumBytes) ?? []
        let checked = device.map { CheckedRoll(of: stored, in: home, by: $0.publicKey).bytes } ?? 0
        var areSignaturesGood = true
        for (index, line) in stored.split(separator: UInt8(ascii: "\n")).enumerated() {
            do {
                let entry = try SignedText(try JSONValue(parsing: Array(line), limits: JSONLimits(bytes: 1024 * 1024)))
                let isChecked = line.endIndex < checked
                try add(entry, isChecked: isChecked)
                lines += line
                lines.append(UInt8(ascii: "\n"))
                if !isChecked { areSignaturesGood = areSignaturesGood && entry.areAllSignaturesGood }
            } catch {
                throw ClientError.fileDamaged(path, what: "line \(index + 1): \(Failures.message(of: error))")
            }
        }
        if let device, checked < stored.count, areSignaturesGood, lines == stored {
            // Without the note the next command verifies once more.
            try? CheckedRoll.save(stored, in: home, by: device)
        }
    }

    /// Appends entries that the broker served, and keeps them.
    ///
    /// - Throws: an ``EvidenceError``; the entries before the bad one stay.
    package mutating func append(_ entries: [SignedText]) throws {
        guard !entries.isEmpty else { return }
        let before = roll.number
        do {
            for entry in entries {
                try add(entry)
                lines += Array(entry.json.text.utf8)
                lines.append(UInt8(ascii: "\n"))
            }
        } catch {
            if roll.number > before { try save() }
            throw error
        }
        try save()
    }

    /// Compares with the end of the roll that the broker says it has.
    ///
    /// - Returns: whether there is more to fetch.
    /// - Throws: `roll.behind`, `roll.forked`.
    package func compare(number: Int64, head: String) throws(EvidenceError) -> Bool {
        guard number >= roll.number else { throw .rollBehind(here: number, needed: roll.number) }
        if number == roll.number, head != roll.head.hex { throw .rollForked(number) }
        return number > roll.number
    }

    private mutating func add(_ entry: SignedText, isChecked: Bool = false) throws {
        if roll.number == 0 {
            var first = roll
            if isChecked { try first.append(verifiedBefore: entry) } else { try first.append(entry) }
            guard first.root == pin.root else { throw ClientError.otherInstallation }
            guard first.broker == pin.broker else { throw ClientError.otherBroker }
            roll = first
        } else if isChecked {
            try roll.append(verifiedBefore: entry)
        } else {
            try roll.append(entry)
        }
    }

    /// Replaces the file, unless another command of the same person has written more meanwhile.
    private func save() throws {
        // What cannot be read is replaced: `init` has read it a moment ago.
        let stored = (try? DurableFile.read(path, maximumBytes: Self.maximumBytes)) ?? []
        guard stored.count < lines.count else { return }
        try DurableFile.writeAtomically(lines, to: path)
    }
}
