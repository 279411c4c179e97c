// SPDX-License-Identifier: Apache-2.0

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Two characters for each 12 bits.
    private static let pairs: [UInt16] = (0..<4096).map { bits in
        UInt16(littleEndian: UInt16(alphabet[bits >> 6]) | UInt16(alphabet[bits & 63]) << 8)
    }

    /// What each character stands for; 255 for one that is none of them.
    private static let values: [UInt8] = (UInt8.min...UInt8.max).map { byte in
        alphabet.firstIndex(of: byte).map { UInt8($0) } ?? 255
    }

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let length = (bytes.count + 2) / 3 * 4
        return [UInt8](unsafeUninitializedCapacity: length) { text, count in
            let target = UnsafeMutableRawBufferPointer(text)
            let whole = bytes.count / 3
            bytes.withUnsafeBufferPointer { bytes in
                pairs.withUnsafeBufferPointer { pairs in
                    for group in 0..<whole {
                        let bits = Int(bytes[3 * group]) << 16 | Int(bytes[3 * group + 1]) << 8 | Int(bytes[3 * group + 2])
                        target.storeBytes(of: pairs[bits >> 12], toByteOffset: 4 * group, as: UInt16.self)
                        target.storeBytes(of: pairs[bits & 4095], toByteOffset: 4 * group + 2, as: UInt16.self)
                    }
                }
            }
            let rest = bytes.count - 3 * whole
            if rest > 0 {
                let bits = Int(bytes[3 * whole]) << 16 | (rest == 2 ? Int(bytes[3 * whole + 1]) << 8 : 0)
                target.storeBytes(of: pairs[bits >> 12], toByteOffset: 4 * whole, as: UInt16.self)
                text[4 * whole + 2] = rest == 2 ? alphabet[bits >> 6 & 63] : UInt8(ascii: "=")
                text[4 * whole + 3] = UInt8(ascii: "=")
            }
            count = length
        }
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
