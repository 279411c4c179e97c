// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing

@Suite struct LedgerTests {
    /// An entry as a row of a database holds it.
    private struct Row: Equatable {
        var number: Int64
        var at: Int64
        var event: String
        var subject: String
        var actor: String
        var body: String
        var previous: String
        var hash: String
    }

    private func rows(_ count: Int = 20, seed: String = "") throws -> [Row] {
        var rows: [Row] = []
        var (number, hash) = (Int64(0), Digest.none)
        for index in 0..<count {
            let entry = try LedgerEntry(
                after: number, hash, at: Installation.begun + .seconds(Int64(index)), event: "request.created", subject: "r-00000\(index % 10)",
                actor: index % 3 == 0 ? "" : "anna", body: ["note": .string("n\(index)" + seed), "count": .integer(Int64(index))])
            (number, hash) = (entry.number, entry.hash)
            rows.append(
                Row(
                    number: entry.number, at: entry.at.milliseconds, event: entry.event, subject: entry.subject, actor: entry.actor,
                    body: entry.body, previous: entry.previous.hex, hash: entry.hash.hex))
        }
        return rows
    }

    /// The number that the verifier names; `nil` where the ledger is whole.
    private func place(in rows: [Row]) throws -> Int64? {
        var verifier = LedgerVerifier()
        for row in rows {
            do throws(EvidenceError) {
                try verifier.add(
                    number: row.number, at: Timestamp(milliseconds: row.at), event: row.event, subject: row.subject, actor: row.actor,
                    body: row.body, previous: row.previous, hash: row.hash)
            } catch {
                guard case .ledgerBroken(let number, _) = error else { throw error }
                return number
            }
        }
        return nil
    }

    @Test func `a whole ledger verifies and its head is that of the last entry`() throws {
        let rows = try rows()
        #expect(try place(in: rows) == nil)
        var verifier = LedgerVerifier()
        #expect(verifier.number == 0 && verifier.head == .none)
        let first = rows[0]
        try verifier.add(
            number: 1, at: Timestamp(milliseconds: first.at), event: first.event, subject: first.subject, actor: first.actor, body: first.body,
            previous: first.previous, hash: first.hash)
        #expect(verifier.number == 1 && verifier.head.hex == first.hash)
    }

    @Test func `a change of any field is found at its entry`() throws {
        let rows = try rows(3)
        let changes: [(inout Row) -> Void] = [
            { $0.at += 1 }, { $0.event += "x" }, { $0.subject = "r-111111" }, { $0.actor = "bob" }, { $0.body += " " }, { $0.body = "" },
            { $0.hash = $0.hash.uppercased() }, { $0.hash = "" }, { $0.hash = $0.previous }, { ($0.event, $0.subject) = ($0.subject, $0.event) },
            { ($0.event, $0.subject) = ($0.event + $0.subject, "") }, { $0.previous = $0.previous.uppercased() + " " }, { $0.previous = "" },
        ]
        for (index, change) in changes.enumerated() {
            for entry in rows.indices {
                var tampered = rows
                change(&tampered[entry])
                #expect(try place(in: tampered) == Int64(entry) + 1, "change \(index)")
            }
        }
    }

    @Test func `a number that is not the next is found`() throws {
        for number in [Int64.min, -1, 0, 1, 3, .max] {
            var tampered = try rows(3)
            tampered[1].number = number
            #expect(try place(in: tampered) == 2)
        }
    }

    @Test func `an entry made anew without its successors is found at the next one`() throws {
        var rows = try rows(5)
        let forged = try LedgerEntry(
            number: 3, at: Installation.begun, event: "request.created", subject: "r-000002", actor: "eve", body: "{}",
            previous: #require(Digest(hex: rows[2].previous)))
        rows[2] = Row(
            number: 3, at: forged.at.milliseconds, event: forged.event, subject: forged.subject, actor: forged.actor, body: forged.body,
            previous: forged.previous.hex, hash: forged.hash.hex)
        #expect(try place(in: rows) == 4)
    }

    @Test func `a thousand random tamperings are found and the place named`() throws {
        let (rows, others) = (try rows(), try rows(seed: "other"))
        var random = SeededGenerator(seed: 2)
        for round in 0..<1000 {
            var tampered = rows
            let entry = Int.random(in: 0..<rows.count - 1, using: &random)
            switch round % 4 {
            case 0: change(&tampered[entry], &random)
            case 1: tampered.remove(at: entry)
            case 2:
                let other = Int.random(in: entry + 1..<rows.count, using: &random)
                tampered.swapAt(entry, other)
            default: tampered.insert(others[Int.random(in: 1..<others.count, using: &random)], at: entry)
            }
            #expect(try place(in: tampered) == Int64(entry) + 1, "round \(round)")
        }
    }

    private func change(_ row: inout Row, _ random: inout SeededGenerator) {
        func flip(_ text: String) -> String {
            var bytes = Array(text.isEmpty ? "a".utf8 : text.utf8)
            if !text.isEmpty { bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 }
            return String(decoding: bytes, as: UTF8.self)
        }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: row.at ^= 1
        case 1: row.event = flip(row.event)
        case 2: row.subject = flip(row.subject)
        case 3: row.actor = flip(row.actor)
        case 4: row.body = flip(row.body)
        default: row.hash = flip(row.hash)
        }
    }

    @Test func `an entry holds its body in canonical form`() throws {
        let entry = try LedgerEntry(
            after: 0, .none, at: Installation.begun, event: "e", subject: "s", actor: "", body: ["b": 1, "a": "\u{E9}"])
        #expect(entry.body == "{\"a\":\"é\",\"b\":1}" && entry.number == 1 && entry.previous == .none)
    }

    // MARK: Digests and secrets

    @Test func `a digest is that of RFC 6234, in one piece or many`() throws {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(try Digest(of: Array("abc".utf8)).hex == expected)
        #expect(try Digest(of: []).hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        var running = try RunningDigest()
        for byte in ["a", "", "bc"] { try Array(byte.utf8).withUnsafeBytes { try running.add($0) } }
        let text = try running.digest().hex
        #expect(text == expected)
        for wrong in ["", String(expected.dropLast(2)), expected + "00", expected.uppercased()] { #expect(Digest(hex: wrong) == nil) }
    }

    @Test func `a signature is that of RFC 8032`() throws {
        // Section 7.1, TEST 2.
        let seed = try #require(Hex.decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        let key = try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: seed) })
        #expect(key.publicKey.hex == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        let signature = try key.sign([0x72])
        #expect(
            Hex.encode(signature) == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        #expect(key.publicKey.verifies(signature, over: [0x72]) && !key.publicKey.verifies(signature, over: [0x73]))
    }

    @Test func `a seed of another length makes no key`() {
        for length in [0, 31, 33, 64] {
            #expect(throws: CryptographyError.self) { try SigningKey(seed: SecretBytes(random: length)) }
        }
    }

    @Test func `random bytes do not repeat`() throws {
        #expect(try Random.bytes(32) != Random.bytes(32))
        #expect(try Random.nonce().utf8.count == 32)
        let secret = try SecretBytes(random: 48)
        let bytes = secret.reveal { Array($0) }
        #expect(secret.count == 48 && Set(bytes).count > 1)
    }
}
