// SPDX-License-Identifier: Apache-2.0
// SECURITY: a length from the network is compared with its limit before a byte of the payload is waited for.

/// FIN 1 bit · reserved 3 bits · opcode 4 bits · MASK 1 bit · length 7, 7+16 or 7+64 bits · mask 4 bytes if MASK
/// · then the payload (RFC 6455 §5.2).
struct WebSocketFrame: Equatable {
    enum Opcode: UInt8 {
        case continuation = 0x0
        case text = 0x1
        case binary = 0x2
        case close = 0x8
        case ping = 0x9
        case pong = 0xA

        var isControl: Bool { rawValue >= 0x8 }
    }

    static let maximumHeader = 14

    let isFinal: Bool
    let opcode: Opcode
    let headerLength: Int
    let payloadLength: Int
    /// In memory order; nil when the payload is not masked.
    let mask: UInt32?

    /// The header at the start of `bytes`, or nil when it is not complete yet.
    init?(
        parsing bytes: UnsafeRawBufferPointer, isMasked mustBeMasked: Bool, limits: TransportLimits
    ) throws(WebSocketError) {
        guard bytes.count >= 2 else { return nil }
        let (first, second) = (bytes[0], bytes[1])
        guard first & 0x70 == 0 else { throw .reservedBits }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .unknownOpcode(first & 0x0F) }
        guard (second & 0x80 != 0) == mustBeMasked else { throw .wrongMasking }
        isFinal = first & 0x80 != 0
        self.opcode = opcode
        let short = Int(second & 0x7F)
        if opcode.isControl {
            guard isFinal, short <= TransportLimits.controlPayload else { throw .badControlFrame }
        }
        let lengthBytes = short == 127 ? 8 : short == 126 ? 2 : 0
        guard bytes.count >= 2 + lengthBytes else { return nil }
        var length = lengthBytes == 0 ? UInt64(short) : 0
        for index in 0..<lengthBytes { length = length << 8 | UInt64(bytes[2 + index]) }
        guard lengthBytes == 0 || length > (lengthBytes == 2 ? 125 : 0xFFFF) else { throw .badLength }
        guard length <= UInt64(limits.frame) else { throw .frameTooLarge(limit: limits.frame) }
        payloadLength = Int(length)
        headerLength = 2 + lengthBytes + (mustBeMasked ? 4 : 0)
        guard bytes.count >= headerLength else { return nil }
        mask = mustBeMasked ? bytes.loadUnaligned(fromByteOffset: 2 + lengthBytes, as: UInt32.self) : nil
    }

    /// Writes a header in front of a payload of `length` bytes.
    static func appendHeader(
        _ opcode: Opcode, isFinal: Bool, length: Int, mask: UInt32?, to queue: inout ByteQueue
    ) {
        let space = queue.reserve(maximumHeader)
        space[0] = (isFinal ? 0x80 : 0) | opcode.rawValue
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        var size = 2
        if length <= 125 {
            space[1] = maskBit | UInt8(length)
        } else if length <= 0xFFFF {
            space[1] = maskBit | 126
            space.storeBytes(of: UInt16(length).bigEndian, toByteOffset: 2, as: UInt16.self)
            size = 4
        } else {
            space[1] = maskBit | 127
            space.storeBytes(of: UInt64(length).bigEndian, toByteOffset: 2, as: UInt64.self)
            size = 10
        }
        if let mask {
            space.storeBytes(of: mask, toByteOffset: size, as: UInt32.self)
            size += 4
        }
        queue.commit(size)
    }

    /// Masks or unmasks in place, 64 bytes at a time (RFC 6455 §5.3).
    ///
    /// - Parameter position: of the first byte within the frame's payload.
    static func apply(_ mask: UInt32, to payload: UnsafeMutableRawBufferPointer, position: Int = 0) {
        guard mask != 0 else { return }
        copy(UnsafeRawBufferPointer(payload), to: payload, masking: mask, position: position)
    }

    /// Masks or unmasks into other memory, or into the same.
    ///
    /// - Parameter target: at least as long as `payload`; not overlapping it unless it begins where that does.
    static func copy(
        _ payload: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer, masking mask: UInt32, position: Int
    ) {
        precondition(target.count >= payload.count)
        // In memory order a rotation by whole bytes is a shift to the right on a little-endian machine.
        let turn = UInt32(position & 3) * 8
        let little = UInt32(littleEndian: mask)
        let turned = turn == 0 ? little : little >> turn | little << (32 - turn)
        let wide = (UInt64(turned) << 32 | UInt64(turned)).littleEndian
        var offset = 0
        let widest = SIMD8<UInt64>(repeating: wide)
        while offset + 64 <= payload.count {
            let words = payload.loadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
            target.storeBytes(of: words ^ widest, toByteOffset: offset, as: SIMD8<UInt64>.self)
            offset += 64
        }
        while offset + 8 <= payload.count {
            let word = payload.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            target.storeBytes(of: word ^ wide, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        withUnsafeBytes(of: wide) { key in
            for index in offset..<payload.count { target[index] = payload[index] ^ key[index & 7] }
        }
    }
}
