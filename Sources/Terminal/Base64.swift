// SPDX-License-Identifier: Apache-2.0

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Two characters for each 12 bits, the first in the lower byte.
    private static let pairs: [UInt16] = (0..<4096).map { bits in
        UInt16(alphabet[bits >> 6]) | UInt16(alphabet[bits & 63]) << 8
    }

    /// What each character stands for; 255 for one that is none of them.
    private static let values: [UInt8] = (UInt8.min...UInt8.max).map { byte in
        alphabet.firstIndex(of: byte).map { UInt8($0) } ?? 255
    }

    /// How long the text of so many bytes is.
    static func length(of count: Int) -> Int { (count + 2) / 3 * 4 }

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let length = length(of: bytes.count)
        return [UInt8](unsafeUninitializedCapacity: length) { text, count in
            count = bytes.withUnsafeBytes { write($0, to: UnsafeMutableRawBufferPointer(text)) }
        }
    }

    /// Writes the text of `bytes`, six bytes at a time.
    ///
    /// - Parameter target: at least ``length(of:)`` bytes.
    /// - Returns: how many were written.
    static func write(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Int {
        let length = length(of: bytes.count)
        precondition(target.count >= length)
        var (from, end) = (0, 0)
        pairs.withUnsafeBufferPointer { pairs in
            // Eight bytes are read for six.
            while from + 8 <= bytes.count {
                let word = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: from, as: UInt64.self))
                let first = UInt64(pairs[Int(word >> 52)]) | UInt64(pairs[Int(word >> 40 & 4095)]) << 16
                let second = UInt64(pairs[Int(word >> 28 & 4095)]) | UInt64(pairs[Int(word >> 16 & 4095)]) << 16
                target.storeBytes(of: (first | second << 32).littleEndian, toByteOffset: end, as: UInt64.self)
                from += 6
                end += 8
            }
            while from + 3 <= bytes.count {
                let bits = Int(bytes[from]) << 16 | Int(bytes[from + 1]) << 8 | Int(bytes[from + 2])
                target.storeBytes(of: pairs[bits >> 12].littleEndian, toByteOffset: end, as: UInt16.self)
                target.storeBytes(of: pairs[bits & 4095].littleEndian, toByteOffset: end + 2, as: UInt16.self)
                from += 3
                end += 4
            }
        }
        let rest = bytes.count - from
        if rest > 0 {
            let bits = Int(bytes[from]) << 16 | (rest == 2 ? Int(bytes[from + 1]) << 8 : 0)
            target.storeBytes(of: pairs[bits >> 12].littleEndian, toByteOffset: end, as: UInt16.self)
            target[end + 2] = rest == 2 ? alphabet[bits >> 6 & 63] : UInt8(ascii: "=")
            target[end + 3] = UInt8(ascii: "=")
        }
        return length
    }

    /// Nil for anything that `encode` does not write.
    static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let body = text.prefix { $0 != UInt8(ascii: "=") }
        guard text.count - body.count <= 2, text[body.count...].allSatisfy({ $0 == UInt8(ascii: "=") }) else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var held = 0
        let values = values  // it is asked for each time whether it is there yet
        for byte in body {
            let value = values[Int(byte)]
            guard value < 64 else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
            }
        }
        // The bits beyond the last byte are zero, or two texts would mean the same bytes.
        return bits & ((1 << UInt32(held)) - 1) == 0 ? bytes : nil
    }
}
