// SPDX-License-Identifier: Apache-2.0
// SECURITY: every byte is read through `peek`, which answers nil past the end: no input can index
// out of range. What is handed out as a string was validated as UTF-8 as a whole before.

/// The two languages we read: JSON between machines, JSON5 in files that people write.
enum Dialect { case json, json5 }

/// The bytes a parser reads, valid UTF-8 within a size limit, and how far it has come.
struct SourceText {
    let bytes: [UInt8]
    private(set) var offset = 0

    /// - Throws: `tooLarge`, `byteOrderMark` or `invalidUTF8`.
    init(_ bytes: [UInt8], limit: Int) throws(JSONError) {
        guard bytes.count <= limit else {
            throw JSONError(.tooLarge(bytes: bytes.count, limit: limit), line: 1, column: 1)
        }
        self.bytes = bytes
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else { throw error(.byteOrderMark, at: 0) }
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            throw self.error(.invalidUTF8, at: error.byteOffsets.lowerBound)
        }
    }

    var isAtEnd: Bool { offset >= bytes.count }

    /// The byte `distance` (not negative) after the current one; nil past the end.
    func peek(_ distance: Int = 0) -> UInt8? {
        let index = offset + distance
        return index < bytes.count ? bytes[index] : nil
    }

    /// Passes over `count` bytes, or to the end if there are fewer.
    mutating func advance(_ count: Int = 1) {
        offset = min(offset + count, bytes.count)
    }

    /// Passes over `byte` if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        offset += 1
        return true
    }

    /// Passes over `word` if it comes next.
    mutating func take(_ word: StaticString) -> Bool {
        let wanted = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[offset...].starts(with: wanted) else { return false }
        offset += wanted.count
        return true
    }

    /// The position of a byte, counted from 1: lines end with a line feed, columns count scalars.
    func position(of offset: Int) -> (line: Int, column: Int) {
        let before = bytes.prefix(max(offset, 0))
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = before[lineStart...].count { $0 & 0b1100_0000 != 0b1000_0000 } + 1
        return (line, column)
    }

    /// An error at a byte, or at the current one.
    func error(_ kind: JSONError.Kind, at offset: Int? = nil) -> JSONError {
        let (line, column) = position(of: offset ?? self.offset)
        return JSONError(kind, line: line, column: column)
    }

    /// The error for a byte that does not fit, or for the end of the text in its place.
    func unexpected(expected: String) -> JSONError {
        guard let byte = peek() else { return error(.unexpectedEnd(expected: expected)) }
        return error(.unexpected(found: Self.describe(byte), expected: expected))
    }

    private static func describe(_ byte: UInt8) -> String {
        switch byte {
        case 0x21...0x7E: "`" + String(UnicodeScalar(byte)) + "`"
        case UInt8(ascii: " "): "a space"
        case UInt8(ascii: "\n"), UInt8(ascii: "\r"): "the end of the line"
        case 0x80...: "a character outside ASCII"
        default: "the control character \(byte)"
        }
    }
}
