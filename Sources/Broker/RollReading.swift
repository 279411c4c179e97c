// SPDX-License-Identifier: Apache-2.0
// SECURITY: what a broker serves with was verified from the root, by this process or by one before it that had its key. An entry
// under the mark that is not as it was, in whatever byte, makes all of it to be verified.

import Evidence
import Posix
import Storage
import Synchronization

/// The roll of a database, read at the start of a broker.
struct RollReading {
    private(set) var roll = Roll()
    private(set) var entries = RollEntries()
    /// Over what was verified down to the last signature.
    private(set) var tally = RollTally()
    /// False from the first entry that has a signature which is not good. It may stand there, beside those that count.
    private var areAllGood = true

    /// So many are read by all threads together, and then applied by one. What reading leaves behind is some 3 KiB an entry, which a
    /// broker then has for as long as it runs.
    private static let slab = 512

    /// Reads and verifies all.
    ///
    /// - Parameter mark: signatures under it are not verified again. Everything else about an entry is: form, number, link to the
    ///   one before, who may sign it.
    init(_ readers: ReaderPool, mark: RollMark?) throws {
        if let mark, let found = try? Self(readers, trusting: mark.tally) {
            self = found
        } else {
            // Whatever it was that did not fit is found, or found to be good, here.
            try self.init(readers)
        }
        try verifyRest(readers)
    }

    private init(_ readers: ReaderPool) throws {}

    /// The part that `known` is over.
    ///
    /// - Throws: where it is not that part; what it says must not be acted on.
    private init(_ readers: ReaderPool, trusting known: RollTally) throws {
        while tally.number < known.number {
            let limit = min(Self.slab, Int(clamping: known.number - tally.number))
            let read = try Self.read(readers, after: tally.number, limit: limit, examining: false)
            guard !read.isEmpty else { throw StorageError.corrupt(detail: "the roll is shorter than it was") }
            for entry in read {
                try tally.add(entry.digest, signatures: entry.source.signatures)
                try roll.append(verifiedBefore: entry)
                entries.append(entry.source)
            }
        }
        guard tally == known else { throw StorageError.corrupt(detail: "the roll is not what it was") }
    }

    /// The entries behind those that are here.
    private mutating func verifyRest(_ readers: ReaderPool) throws {
        while true {
            let read = try Self.read(readers, after: roll.number, limit: Self.slab, examining: true)
            guard !read.isEmpty else { return }
            for entry in read {
                try roll.append(entry)
                areAllGood = areAllGood && entry.source.areAllSignaturesGood
                if areAllGood { try tally.add(entry.digest, signatures: entry.source.signatures) }
                entries.append(entry.source)
            }
        }
    }

    /// - Parameter examining: verifies the signatures as well; whose they must be is asked later, and one after the other.
    private static func read(_ readers: ReaderPool, after number: Int64, limit: Int, examining: Bool) throws -> [RollEntry] {
        let stored = try readers.perform { try $0.storedRoll(after: number, limit: limit) }
        return try Parallel.map(stored) { row in
            let source = try SignedText(text: row.statement, signatures: row.signatures)
            return try RollEntry(examining ? source.examined() : source)
        }
    }
}
