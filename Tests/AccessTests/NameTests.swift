// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON
import Testing

@Suite struct NameTests {
    @Test(arguments: ["a", "0", "anna", "a.b", "a-b", "a_b", "9lives", "a..b", "a-", String(repeating: "a", count: 63)])
    func `a name of small ASCII letters, digits, dots and dashes is taken as it is`(text: String) throws {
        #expect(try PersonName(text).text.utf8.elementsEqual(text.utf8))
    }

    @Test(arguments: [
        "", " ", "-anna", ".anna", "_anna", "Anna", "ANNA", "anna ", " anna", "anna\n", "anna\r\n", "anna\t", "an na", "anna\0",
        "\0anna", "an\0na", "anna,bob", "anna:bob", "anna;bob", "anna=bob", "anna/bob", "anna\\bob", "anna*", "anna@host",
        "anna|bob", "anna'", "anna\"", "anna`", "anna$", "anna%", "anna#", "anna+", "anna~", "anna!", "anna?", "anna(1)",
        "../anna", "anna\u{7F}", "anna\u{1B}[31m", String(repeating: "a", count: 64), String(repeating: "a", count: 10_000),
    ])
    func `anything else is refused and not repaired`(text: String) {
        #expect(throws: Refusal.nameMalformed(kind: "person", text)) { try PersonName(text) }
    }

    /// Marks, joiners, direction marks and fillers that hide in a name or join its letters.
    static let invisible: [UInt32] =
        Array(0x0300...0x036F) + Array(0x200B...0x200F) + Array(0x202A...0x202E) + Array(0x2060...0x206F)
        + Array(0xFE00...0xFE0F) + [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x180E, 0x3164, 0xFEFF, 0xFFA0, 0xA0, 0x2028]
        + Array(0xE0020...0xE007F)

    /// Letters and dots that resemble those of `kevin.o-neil`.
    static let resembling: [Character: [UInt32]] = [
        "k": [0x212A, 0x043A, 0x03BA, 0xFF4B, 0x1D4C0, 0x4B, 0x0138], "e": [0x0435, 0xE9, 0xFF45, 0x212E, 0x1D41E, 0x45],
        "v": [0x0475, 0x03BD, 0x2174, 0xFF56, 0x1D42F, 0x56], "i": [0x0131, 0x0456, 0x0130, 0x2170, 0xFF49, 0x1D422, 0x49],
        "n": [0x0578, 0xF1, 0xFF4E, 0x1D427, 0x207F, 0x4E], ".": [0x3002, 0xFF0E, 0x2024, 0xB7, 0xFF61],
        "o": [0x043E, 0x03BF, 0x0585, 0xFF4F, 0x1D428, 0xBA, 0x4F], "-": [0x2010, 0x2011, 0x2013, 0x2212, 0xFF0D, 0xAD],
        "l": [0x04CF, 0xFF4C, 0x217C, 0x1D425, 0x4C, 0x7C],
    ]

    static var confusables: [String] {
        let name = "kevin.o-neil"
        var texts: [String] = []
        for position in 1...name.unicodeScalars.count {
            for hidden in invisible.filter({ $0 % 3 == UInt32(position) % 3 || $0 >= 0x2000 && $0 < 0x2070 }) {
                var scalars = Array(name.unicodeScalars)
                guard let scalar = Unicode.Scalar(hidden) else { continue }
                scalars.insert(scalar, at: position)
                texts.append(String(String.UnicodeScalarView(scalars)))
            }
        }
        for (letter, others) in resembling {
            for other in others.compactMap(Unicode.Scalar.init) {
                texts.append(String(name.map { $0 == letter ? Character(other) : $0 }))
            }
        }
        return texts
    }

    @Test func `none of a thousand look-alikes of a name is a name`() throws {
        let texts = Self.confusables
        #expect(texts.count > 1000)
        for text in texts where (try? PersonName(text)) != nil { Issue.record("\(text.debugDescription) became a name") }
    }

    @Test func `the Kelvin sign is not the letter that Swift takes it for`() {
        #expect("\u{212A}" == "K")
        #expect(throws: Refusal.self) { try PersonName("\u{212A}evin") }
        #expect(throws: Refusal.self) { try PersonName("ren\u{E9}") }
        #expect(throws: Refusal.self) { try PersonName("rene\u{301}") }
    }

    @Test func `every byte that is not in the pattern is refused at every place`() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789._-".unicodeScalars)
        for value in UInt32(0)...0x17F {
            guard let scalar = Unicode.Scalar(value), !allowed.contains(scalar) else { continue }
            for text in ["\(scalar)ab", "a\(scalar)b", "ab\(scalar)"] {
                if (try? NodeName(text)) != nil { Issue.record("U+\(String(value, radix: 16)) is in a name") }
            }
        }
    }

    @Test func `names are ordered by their bytes`() throws {
        let texts = ["b", "a", "a-b", "a.b", "a_b", "0"]
        #expect(try texts.map { try PersonName($0) }.sorted().map(\.text) == ["0", "a", "a-b", "a.b", "a_b", "b"])
    }

    // MARK: Run-as users

    @Test(arguments: ["root", "deploy", "www-data", "a", "svc.app_1", String(repeating: "u", count: 63)])
    func `a run-as user is a name`(text: String) throws {
        #expect(try RunAsName(user: text).text == text)
    }

    @Test(arguments: [
        "-1", "0", "#0", "#-1", "+0", "00", "0x0", "1", "1000", "65534", "4294967295", "4294967296", "-4294967295", "#4294967295",
        "1root", "0root", "root ", " root", "Root", "ROOT", "root\n", "root\0", "root\0deploy", "root,deploy", "root:root", "root|x",
        "%root", "%#0", "@root", "!root", "\\root", "root\\", "'root'", "\"root\"", "ALL", "*", "(root)", "root:0", "root:",
        ":root", "ro ot", "", " ", "r\u{43E}\u{43E}t", "ro\u{200D}ot", "root\u{202E}", "root\u{301}", "ｒoot", "root\t", "root;id",
        "$(id)", "`id`", "~root", "./root", "/root", "../root", "-root", "_apt", ".root", "root$", "root=",
        String(repeating: "u", count: 64),
    ])
    func `what sudo once took for root is no user`(text: String) {
        #expect(throws: Refusal.nameMalformed(kind: "run-as user", text)) { try RunAsName(user: text) }
    }

    // MARK: Ids

    @Test(arguments: ["r-7k2p9x", "7k2p9x", "R-7K2P9X", "r-7K2p9X", "R-7k2p9x"])
    func `an id is read in either case, with or without its letter`(text: String) throws {
        #expect(try RequestID(text).description == "r-7k2p9x")
    }

    @Test(arguments: [("oooooo", "000000"), ("iIlL1o", "11110".prefix(4) + "10"), ("O0o0O0", "000000")] as [(String, Substring)])
    func `look-alikes are read as what they resemble`(text: String, characters: Substring) throws {
        #expect(try RequestID(text).characters == characters)
    }

    @Test(arguments: [
        "", "r", "r-", "-", "7k2p9", "7k2p9xx", "g-7k2p9x", "s-7k2p9x", "x-7k2p9x", "r_7k2p9x", "r 7k2p9x", "r7k2p9x", "u00000",
        "U00000", "r-7k2p9u", "r-7k2p9", "r-7k2p9x ", " r-7k2p9x", "r--7k2p9", "7k2p9!", "7k2p9\0", "７k2p9", "é7k2p", "\u{12}-7k2p9x",
        "2-7k2p9x", "r-r-7k2p",
    ])
    func `anything else is no id`(text: String) {
        #expect(throws: Refusal.idMalformed(kind: "request", letter: "r", text)) { try RequestID(text) }
    }

    @Test func `an id is the first thirty bits of a digest`() {
        #expect(RequestID(digest: [0, 0, 0, 0]).characters == "000000")
        #expect(RequestID(digest: [0xFF, 0xFF, 0xFF, 0xFF]).characters == "zzzzzz")
        #expect(RequestID(digest: [0, 0, 0, 0b100]).characters == "000001")
        #expect(RequestID(digest: [0, 0, 0, 0b011]).characters == "000000")
        #expect(RequestID(digest: [0b0000_1000, 0, 0, 0, 99]).characters == "100000")
    }

    @Test func `an id made from a digest is read back`() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<2000 {
            let bits = UInt32.random(in: .min ... .max, using: &random)
            let id = SessionID(digest: (0..<4).map { UInt8(truncatingIfNeeded: bits >> (24 - 8 * $0)) })
            #expect(try SessionID(id.description.uppercased()) == id)
        }
    }

    @Test func `a grant shares the characters of its request`() throws {
        let request = try RequestID("r-7k2p9x")
        let grant: GrantID = request.sibling()
        #expect(grant.description == "g-7k2p9x")
        let back: RequestID = grant.sibling()
        #expect(back == request)
    }

    // MARK: Keys

    @Test func `a key is 64 small hexadecimal digits`() throws {
        let digits = String(repeating: "0f", count: 32)
        let key = try #require(PublicKey(hex: digits))
        #expect(key.hex == digits && key.bytes.count == 32)
        #expect(PublicKey(hex: digits.uppercased()) == nil)
        #expect(PublicKey(hex: String(digits.dropLast())) == nil)
        #expect(PublicKey(hex: String(digits.dropLast(2))) == nil)
        #expect(PublicKey(hex: digits + "00") == nil)
        #expect(PublicKey(bytes: key.bytes + [0]) == nil)
        #expect(PublicKey(bytes: Array(key.bytes.dropLast())) == nil)
    }

    @Test(arguments: ["0", "0g", "g0", "0G", "0A", " 0", "0 ", "0x", "+1", "-1", "００", "/0", ":0", "`0", "0/", "0:", "0`"])
    func `what is not small hexadecimal is not decoded`(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func `every byte survives hexadecimal`() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.encode(bytes) == Hex.encode(bytes[...]))
        #expect(Hex.decode("") == [])
    }

    // MARK: Reasons

    @Test func `a reason of exactly the demanded length is enough and one less is not`() {
        #expect(throws: Never.self) { try HumanText.check(reason: "0123456789", minimum: 10) }
        #expect(throws: Refusal.reasonTooShort(9, minimum: 10)) { try HumanText.check(reason: "012345678", minimum: 10) }
    }

    @Test(arguments: [
        "", " ", String(repeating: " ", count: 1000), "a b c d e f g h i", String(repeating: "\u{3000}", count: 20),
        String(repeating: "\u{A0}", count: 20), String(repeating: "\u{2800}", count: 20),
    ])
    func `white space does not make a reason longer`(text: String) {
        #expect(throws: Refusal.self) { try HumanText.check(reason: text, minimum: 10) }
    }

    @Test func `a thousand characters are a reason and one more is too many`() {
        #expect(throws: Never.self) { try HumanText.check(String(repeating: "ä", count: 1000)) }
        #expect(throws: Refusal.reasonTooLong(1001)) { try HumanText.check(String(repeating: "a", count: 1001)) }
        #expect(throws: Refusal.reasonTooLong(2001)) { try HumanText.check("a" + String(repeating: "\u{301}", count: 2000)) }
    }

    @Test(arguments: [
        0x00, 0x07, 0x08, 0x09, 0x0A, 0x0D, 0x1B, 0x7F, 0x80, 0x85, 0x9B, 0xAD, 0x061C, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F,
        0x2028, 0x2029, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0xFEFF, 0xFFF9, 0xE000,
        0xE0001, 0xE0061, 0x10FFFF, 0x0378, 0x115F, 0x3164, 0xFFA0, 0x034F, 0xE0100,
    ] as [UInt32])
    func `a character that hides, moves or reverses is in no text`(value: UInt32) throws {
        let scalar = try #require(Unicode.Scalar(value))
        #expect(throws: Refusal.reasonHasControl(value)) { try HumanText.check("the disk is full\(scalar) again") }
    }

    @Test func `of ASCII we say without the tables what the tables say`() throws {
        for scalar in (UInt8.min...0x7F).map({ Unicode.Scalar($0) }) {
            let isAllowed = scalar.properties.generalCategory != .control && !scalar.properties.isDefaultIgnorableCodePoint
            #expect((try? HumanText.check(String(scalar))) != nil ? isAllowed : !isAllowed, "\(scalar.value)")
            guard isAllowed else { continue }
            let isVisible = (try? HumanText.check(reason: String(scalar), minimum: 1)) != nil
            #expect(isVisible == !scalar.properties.isWhitespace, "\(scalar.value)")
        }
    }

    @Test(arguments: ["the disk is full, again", "Platte voll – größer", "磁盘已满了，请帮忙", "القرص ممتلئ تمامًا", "warm ☀️ and full ⚠️"])
    func `text in any language is a reason`(text: String) {
        #expect(throws: Never.self) { try HumanText.check(reason: text, minimum: 5) }
    }
}
