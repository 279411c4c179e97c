// SPDX-License-Identifier: Apache-2.0

/// Base64 with padding (RFC 4648 §4).
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        let length = (bytes.count + 2) / 3 * 4
        return [UInt8](unsafeUninitializedCapacity: length) { text, count in
            alphabet.withUnsafeBufferPointer { digits in
                for start in stride(from: 0, to: bytes.count, by: 3) {
                    let second = start + 1 < bytes.count ? bytes[start + 1] : 0
                    let third = start + 2 < bytes.count ? bytes[start + 2] : 0
                    let bits = Int(bytes[start]) << 16 | Int(second) << 8 | Int(third)
                    text[count] = digits[bits >> 18]
                    text[count + 1] = digits[bits >> 12 & 63]
                    text[count + 2] = start + 1 < bytes.count ? digits[bits >> 6 & 63] : UInt8(ascii: "=")
                    text[count + 3] = start + 2 < bytes.count ? digits[bits & 63] : UInt8(ascii: "=")
                    count += 4
                }
            }
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
        var bits: UInt32 = 0
        var held = 0
        for byte in body {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
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
