// SPDX-License-Identifier: Apache-2.0
// SECURITY: says of the first entries of the roll that this broker has verified every signature under them. Signed with the
// broker's key, so that who can write the database, or this file, cannot make a broker skip a verification (decision 76).

import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Synchronization

/// How much of the roll in the database this broker has verified. Without it each start would verify every signature again,
/// 0.1 ms each.
struct RollMark {
    let tally: RollTally

    /// Another number where a verification of before is not to be believed any more, because it was found to be lax.
    private static let label = Array("stint broker roll checked 1\n".utf8)

    /// What stands in `home` and is signed by `broker`.
    ///
    /// - Returns: `nil` where there is none, or nothing that this broker has signed: then all is verified, as the first time.
    static func read(_ home: BrokerHome, by broker: PublicKey) -> RollMark? {
        // Whatever is wrong with a file that may be missing: it is not believed.
        try? parse(try DurableFile.read(home.rollMark, maximumBytes: 1024), by: broker)
    }

    /// Notes that this broker has verified all that `tally` is over.
    static func save(_ tally: RollTally, in home: BrokerHome, by broker: SigningKey) throws {
        let value: JSONValue = .object([
            "entries": .integer(tally.number), "digest": .string(tally.digest.hex),
            "signature": .string(Hex.encode(try broker.sign(message(tally)))),
        ])
        try DurableFile.writeAtomically(Array((value.text + "\n").utf8), to: home.rollMark)
    }

    private static func parse(_ stored: [UInt8], by broker: PublicKey) throws -> RollMark? {
        var reader = try ObjectReader(try JSONValue(parsing: stored))
        let number = try reader.integer("entries", in: 1...Int64.max)
        let digest = Digest(hex: try reader.string("digest", maximum: 64))
        let signature = Hex.decode(try reader.string("signature", maximum: 128)) ?? []
        try reader.finish()
        guard let tally = digest.flatMap({ RollTally(number: number, digest: $0) }) else { return nil }
        return broker.verifies(signature, over: message(tally)) ? RollMark(tally: tally) : nil
    }

    private static func message(_ tally: RollTally) -> [UInt8] {
        label + withUnsafeBytes(of: tally.number.bigEndian) { Array($0) } + tally.digest.bytes
    }
}

/// Carries the mark on behind the roll of a broker that serves, which verified each entry when it took it in.
final class RollMarker: Sendable {
    private let home: BrokerHome
    private let key: SigningKey
    private let roll: RollBox
    private let tally: Mutex<RollTally>

    /// The mark is carried on when the roll is so many entries ahead: their signatures take a start some 30 ms.
    private static let stride: Int64 = 256

    /// - Parameters:
    ///   - marked: what the mark is over that was found, if one was.
    ///   - verified: what was verified at the start.
    init(_ home: BrokerHome, _ key: SigningKey, _ roll: RollBox, marked: RollTally?, verified: RollTally) {
        (self.home, self.key, self.roll) = (home, key, roll)
        tally = Mutex(verified)
        if verified.number > marked?.number ?? 0 { save(verified) }
    }

    /// To be called now and then.
    func carryOn() { carryOn(atLeast: Self.stride) }

    /// To be called when the broker stops.
    func finish() { carryOn(atLeast: 1) }

    private func carryOn(atLeast least: Int64) {
        tally.withLock { tally in
            guard roll.current.number - tally.number >= least else { return }
            var grown = tally
            do {
                // Also signatures that no rule asked about, as at the start.
                while let entry = roll.committedEntry(grown.number + 1), entry.areAllSignaturesGood {
                    try grown.add(try entry.digest(), signatures: entry.signatures)
                }
            } catch {
                return Log.error("roll: \(Problem(explaining: error).message)")
            }
            guard grown != tally else { return }
            tally = grown
            save(grown)
        }
    }

    /// Without a mark the next start verifies once more, and that is all.
    private func save(_ tally: RollTally) {
        do { try RollMark.save(tally, in: home, by: key) } catch { Log.error("roll: \(Problem(explaining: error).message)") }
    }
}
