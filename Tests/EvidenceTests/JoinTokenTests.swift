// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import StrictJSON
import Testing

@Suite struct JoinTokenTests {
    private let pin: PublicKey
    private let root: Digest
    private let invitation: Digest

    init() throws {
        pin = try Installation.key("broker").publicKey
        root = try Digest(of: [1])
        invitation = try Digest(of: [2])
    }

    private func text(_ kind: JoinToken.Kind = .person, name: String = "bob") throws -> String {
        let isFounding = kind == .founding
        let token = JoinToken(
            kind: kind, name: name, broker: "broker.example:7443", pin: pin, root: isFounding ? nil : root,
            invitation: isFounding ? nil : invitation, notAfter: Installation.begun, secret: SecretBytes(count: 32) { $0.copyBytes(from: 0..<32) })
        return try token.text()
    }

    /// The error of reading `text`; `nil` where it is a token.
    private func error(of text: String) -> TokenError? {
        do throws(TokenError) {
            _ = try JoinToken(text)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [JoinToken.Kind.founding, .person, .node, .device])
    func `a token is read as it was made`(kind: JoinToken.Kind) throws {
        let token = try JoinToken(text(kind))
        #expect(token.kind == kind && token.name == "bob" && token.broker == "broker.example:7443" && token.pin == pin)
        #expect(token.root == (kind == .founding ? nil : root) && token.invitation == (kind == .founding ? nil : invitation))
        #expect(token.notAfter == Installation.begun && token.secret.reveal { Array($0) } == Array(0..<32))
    }

    @Test func `white space around a token is ignored and within it is not`() throws {
        let text = try text()
        for copied in [" \(text)", "\(text)\n", "\r\n\t\(text) \r\n"] { #expect(error(of: copied) == nil) }
        for broken in [text.dropLast(9) + "\n" + text.suffix(9), text.prefix(3) + " " + text.dropFirst(3)] {
            #expect(error(of: String(broken)) == .notAToken)
        }
    }

    @Test func `any changed character is found`() throws {
        let bytes = Array(try text().utf8)
        for index in bytes.indices {
            for replacement in ["A", "b", "0", "_", "-", "!", "="].compactMap(\.utf8.first) where bytes[index] != replacement {
                var changed = bytes
                changed[index] = replacement
                #expect(error(of: String(decoding: changed, as: UTF8.self)) != nil, "character \(index)")
            }
        }
    }

    @Test func `a token that is cut, doubled or too long is found`() throws {
        let text = try text()
        for length in 0..<text.utf8.count { #expect(error(of: String(text.prefix(length))) != nil) }
        for wrong in [text + text, text + "A", String(text.dropFirst()), text.uppercased(), "stint-join-" + String(repeating: "A", count: 2038)] {
            #expect(error(of: wrong) != nil)
        }
        #expect(error(of: "") == .notAToken && error(of: "stint-join-") == .notAToken && error(of: "stint-join-AAAAAA") == .notAToken)
        #expect(error(of: "stint-join-AAAAAAAA") == .damaged)
    }

    /// A token with a right checksum whose fields a test chose.
    private func forged(_ change: (inout JSONObject) -> Void) throws -> String {
        let body = try #require(Base64URL.decode(try text().utf8.dropFirst(JoinToken.prefix.utf8.count)))
        var object = try #require(try JSONValue(parsing: Array(body.dropLast(4))).asObject)
        change(&object)
        let bytes = Array(JSONValue.object(object).canonical.utf8)
        return JoinToken.prefix + Base64URL.encode(bytes + (try Digest(of: bytes)).bytes.prefix(4))
    }

    @Test func `a token whose fields do not fit is none, whatever its checksum`() throws {
        #expect(error(of: try forged { _ in }) == nil)
        let changes: [(inout JSONObject) -> Void] = [
            { $0["kind"] = "admin" }, { $0["kind"] = nil }, { $0["extra"] = 1 }, { $0["pin"] = "00" }, { $0["secret"] = "00" },
            { $0["secret"] = .string(String(repeating: "0", count: 62)) }, { $0["root"] = .some(.null) }, { $0["invitation"] = .some(.null) },
            { $0["kind"] = "founding" }, { ($0["root"], $0["invitation"]) = (.some(.null), .some(.null)) }, { $0["root"] = "00" },
            { $0["root"] = 1 }, { $0["notAfter"] = -1 }, { $0["notAfter"] = "0" }, { $0["name"] = .string(String(repeating: "a", count: 64)) },
            { $0["broker"] = .string(String(repeating: "a", count: 301)) }, { $0["broker"] = nil },
            { ($0["kind"], $0["root"]) = ("founding", .some(.null)) },
        ]
        for (index, change) in changes.enumerated() { #expect(error(of: try forged(change)) == .notAToken, "change \(index)") }
    }

    // MARK: Base64URL

    @Test func `base64url is what Foundation makes of it`() {
        var random = SeededGenerator(seed: 1)
        for length in 0...300 {
            let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let expected = Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            #expect(Base64URL.encode(bytes) == expected)
            #expect(Base64URL.decode(expected.utf8) == bytes)
        }
    }

    @Test(arguments: ["A", "AAAAA", "AB", "AAB", "A=", "AA==", "AAA=", "A A", "AA\n", "AA+A", "AA/A", "é", "AA\0", "____A"])
    func `what is not the one encoding of any bytes is refused`(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }

    @Test func `of all texts of two characters those decode that encode one byte`() {
        let characters = Array(UInt8(0x20)...0x7E)
        var decoded: Set<[UInt8]> = []
        for first in characters {
            for second in characters {
                guard let bytes = Base64URL.decode([first, second]) else { continue }
                #expect(Array(Base64URL.encode(bytes).utf8) == [first, second])
                decoded.insert(bytes)
            }
        }
        #expect(decoded.count == 256)
    }
}
