// SPDX-License-Identifier: Apache-2.0

import Evidence
import Testing

@Suite struct FrameKeysTests {
    private let opening: Digest
    private let client: EphemeralKey
    private let node: EphemeralKey

    init() throws {
        opening = try Digest(of: [1])
        client = try EphemeralKey()
        node = try EphemeralKey()
    }

    private func ends(_ direction: FrameKeys.Direction = .toNode, checking: FrameKeys.Direction? = nil) throws
        -> (sender: FrameAuthenticator, receiver: FrameAuthenticator)
    {
        let ours = try client.agree(with: node.publicBytes, opening: opening, accepted: node.publicBytes)
        let theirs = try node.agree(with: client.publicBytes, opening: opening, accepted: node.publicBytes)
        return (try ours.authenticator(direction), try theirs.authenticator(checking ?? direction))
    }

    private func tag(_ frame: [UInt8], by sender: FrameAuthenticator, header: Int = 0) throws -> [UInt8] {
        var tag = [UInt8](repeating: 0, count: 16)
        try frame.withUnsafeBytes { bytes in
            try tag.withUnsafeMutableBytes { target in
                try sender.seal(
                    UnsafeRawBufferPointer(rebasing: bytes[..<header]), UnsafeRawBufferPointer(rebasing: bytes[header...]), tag: target)
            }
        }
        return tag
    }

    private func opens(_ frame: [UInt8], _ tag: [UInt8], by receiver: FrameAuthenticator) throws -> Bool {
        try frame.withUnsafeBytes { bytes in try tag.withUnsafeBytes { try receiver.opens(bytes, tag: $0) } }
    }

    private static let frames: [[UInt8]] = [[1], [2, 0, 0, 0, 0, 0, 0, 0, 0, 65], [], Array(repeating: 7, count: 32_777), [1], [1]]

    @Test(arguments: [FrameKeys.Direction.toNode, .toClient])
    func `frames in their order are authentic, however header and payload are cut`(direction: FrameKeys.Direction) throws {
        let (sender, receiver) = try ends(direction)
        for frame in Self.frames {
            for header in [0, min(1, frame.count), frame.count] {
                #expect(try opens(frame, tag(frame, by: sender, header: header), by: receiver))
            }
        }
    }

    @Test func `every changed bit of a frame or tag is noticed`() throws {
        let frame: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0, 5, 108, 115, 10]
        for bit in 0..<frame.count * 8 {
            let (sender, receiver) = try ends()
            var changed = frame
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(!(try opens(changed, tag(frame, by: sender), by: receiver)))
        }
        for bit in 0..<128 {
            let (sender, receiver) = try ends()
            var changed = try tag(frame, by: sender)
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(!(try opens(frame, changed, by: receiver)))
        }
    }

    @Test func `a byte more or less is noticed, and so is a tag of another length`() throws {
        let frame: [UInt8] = [1, 2, 3]
        for other in [[1, 2], [1, 2, 3, 0], [0, 1, 2, 3], []] as [[UInt8]] {
            let (sender, receiver) = try ends()
            #expect(!(try opens(other, tag(frame, by: sender), by: receiver)))
        }
        for change: ([UInt8]) -> [UInt8] in [{ Array($0.dropLast()) }, { $0 + [0] }, { _ in [] }, { Array($0.prefix(1)) }] {
            let (sender, receiver) = try ends()
            #expect(!(try opens(frame, change(tag(frame, by: sender)), by: receiver)))
        }
    }

    @Test func `a frame left out, repeated or moved is noticed, and nothing passes after`() throws {
        for order in [[1], [0, 0], [1, 0], [0, 2], [0, 1, 1], [0, 2, 1]] {
            let (sender, receiver) = try ends()
            let sealed = try (0..<3).map { try (frame: [UInt8($0)], tag: tag([UInt8($0)], by: sender)) }
            let answers = try order.map { try opens(sealed[$0].frame, sealed[$0].tag, by: receiver) }
            let good = zip(order, 0...).prefix { $0 == $1 }.count
            #expect(answers == Array(repeating: true, count: good) + Array(repeating: false, count: order.count - good), "\(order)")
        }
    }

    @Test func `after a forged frame the true one does not pass either`() throws {
        let (sender, receiver) = try ends()
        let sealed = try tag([1], by: sender)
        #expect(!(try opens([2], sealed, by: receiver)))
        #expect(!(try opens([1], sealed, by: receiver)))
    }

    @Test func `equal frames have different tags`() throws {
        let (sender, _) = try ends()
        let tags = try (0..<1000).map { _ in try tag([1], by: sender) }
        #expect(Set(tags).count == 1000)
    }

    @Test func `the directions have keys of their own, so no frame is sent back`() throws {
        for (direction, other) in [(FrameKeys.Direction.toNode, FrameKeys.Direction.toClient), (.toClient, .toNode)] {
            let (sender, receiver) = try ends(direction, checking: other)
            #expect(!(try opens([1], tag([1], by: sender), by: receiver)))
        }
        let keys = try client.agree(with: node.publicBytes, opening: opening, accepted: node.publicBytes)
        let material = keys.reveal { Array($0) }
        #expect(material.count == 88 && material[..<44] != material[44...])
    }

    @Test func `keys belong to one opening, one acceptance and two ephemeral keys`() throws {
        let ours = try client.agree(with: node.publicBytes, opening: opening, accepted: node.publicBytes).reveal { Array($0) }
        let (otherOpening, stranger) = (try Digest(of: [2]), try EphemeralKey())
        let others = [
            try client.agree(with: node.publicBytes, opening: otherOpening, accepted: node.publicBytes).reveal { Array($0) },
            try client.agree(with: node.publicBytes, opening: opening, accepted: stranger.publicBytes).reveal { Array($0) },
            try client.agree(with: stranger.publicBytes, opening: opening, accepted: node.publicBytes).reveal { Array($0) },
            try stranger.agree(with: node.publicBytes, opening: opening, accepted: node.publicBytes).reveal { Array($0) },
        ]
        #expect(Set(others + [ours]).count == 5)
        #expect(try node.agree(with: client.publicBytes, opening: opening, accepted: node.publicBytes).reveal { Array($0) } == ours)
    }

    private func agrees(with peer: [UInt8]) -> Bool {
        do {
            _ = try client.agree(with: peer, opening: opening, accepted: peer)
            return true
        } catch {
            return false
        }
    }

    @Test func `a degenerate or cut key agrees on nothing`() {
        let zero = [UInt8](repeating: 0, count: 32)
        let one = [1] + zero.dropLast()
        let order8: [UInt8] = [
            0xE0, 0xEB, 0x7A, 0x7C, 0x3B, 0x41, 0xB8, 0xAE, 0x16, 0x56, 0xE3, 0xFA, 0xF1, 0x9F, 0xC4, 0x6A, 0xDA, 0x09, 0x8D, 0xEB, 0x9C,
            0x32, 0xB1, 0xFD, 0x86, 0x62, 0x05, 0x16, 0x5F, 0x49, 0xB8, 0x00,
        ]
        let minusOne: [UInt8] = [0xEC] + Array(repeating: 0xFF, count: 30) + [0x7F]
        for peer in [zero, one, order8, minusOne, [], Array(zero.dropLast()), node.publicBytes + [0]] { #expect(!agrees(with: peer)) }
        #expect(agrees(with: node.publicBytes))
    }

    @Test func `keys handed to another process of the node are the same`() throws {
        let (sender, _) = try ends()
        let material = try client.agree(with: node.publicBytes, opening: opening, accepted: node.publicBytes).reveal { Array($0) }
        let handed = FrameKeys(material: SecretBytes(count: FrameKeys.length) { $0.copyBytes(from: material) })
        #expect(try opens([1], tag([1], by: sender), by: handed.authenticator(.toNode)))
    }
}
