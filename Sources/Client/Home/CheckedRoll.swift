// SPDX-License-Identifier: Apache-2.0
// SECURITY: says of a part of the roll that this device has verified every signature in it. Signed by the device, so that
// nobody but whoever holds its key, and could sign anything, can make us skip a verification (P1).

import Access
import Evidence
import Posix
import StrictJSON

/// How much of `roll.jsonl` this device has verified: its first bytes, by their digest, under the device's signature.
///
/// Without it each command would verify each signature in the roll again, which takes 0.1 ms for one.
struct CheckedRoll {
    /// The length of the part.
    let bytes: Int

    private static let label = Array("stint roll checked 1\n".utf8)

    /// What `home` says about `roll`: 0 bytes where it says nothing, or nothing that this device has signed.
    init(of roll: [UInt8], in home: ClientHome, by device: PublicKey) {
        bytes = (try? Self.read(roll, home, device)) ?? 0  // without it all is verified, as the first time
    }

    /// Notes that all of `roll` was verified.
    static func save(_ roll: [UInt8], in home: ClientHome, by device: SigningKey) throws {
        let signature = try device.sign(try message(roll[...]))
        let value: JSONValue = .object(["bytes": .integer(Int64(roll.count)), "signature": .string(Hex.encode(signature))])
        try DurableFile.writeAtomically(Array((value.text + "\n").utf8), to: home.checkedRollPath)
    }

    private static func read(_ roll: [UInt8], _ home: ClientHome, _ device: PublicKey) throws -> Int {
        guard !roll.isEmpty, let stored = try home.read(home.checkedRollPath, maximumBytes: 1024) else { return 0 }
        var reader = try ObjectReader(try JSONValue(parsing: stored))
        let count = Int(try reader.integer("bytes", in: 1...Int64(roll.count)))
        let signature = Hex.decode(try reader.string("signature", maximum: 128)) ?? []
        try reader.finish()
        return device.verifies(signature, over: try message(roll[..<count])) ? count : 0
    }

    private static func message(_ part: ArraySlice<UInt8>) throws(CryptographyError) -> [UInt8] {
        label + (try Digest(of: part)).bytes
    }
}
