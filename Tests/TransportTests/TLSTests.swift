// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc
import Testing

@testable import Transport

struct TLSTests {
    @Test func `both sides learn the other's key`() throws {
        let (one, other) = (try makeIdentity(), try makeIdentity())
        let pair = try TLSPair(
            server: TLSContext(serverWith: one), client: TLSContext(clientWith: other, expecting: one.publicKey))
        #expect(pair.shakeHands() == (nil, nil))
        #expect(pair.server.peerKey == other.publicKey)
        #expect(pair.client.peerKey == one.publicKey)
    }

    @Test func `the public key is the one RFC 8032 derives from the seed`() throws {
        // RFC 8032 §7.1, test 1.
        let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        let identity = try seed.withUnsafeBytes { try TLSIdentity(ed25519Seed: $0) }
        #expect(identity.publicKey == bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    }

    @Test(arguments: [0, 31, 33, 64]) func `a seed of another length than 32 is refused`(length: Int) {
        let seed = [UInt8](repeating: 7, count: length)
        #expect(throws: TransportError.self) { try seed.withUnsafeBytes { try TLSIdentity(ed25519Seed: $0) } }
    }

    @Test(arguments: [0, 31, 33]) func `a pin of another length than 32 is refused`(length: Int) throws {
        let identity = try makeIdentity()
        let pin = [UInt8](repeating: 7, count: length)
        #expect(throws: TransportError.self) { try TLSContext(clientWith: identity, expecting: pin) }
    }

    @Test func `another key than the pinned one is refused by name and the server hears an alert`() throws {
        let (one, other, pinned) = (try makeIdentity(), try makeIdentity(), try makeIdentity())
        let pair = try TLSPair(
            server: TLSContext(serverWith: one), client: TLSContext(clientWith: other, expecting: pinned.publicKey))
        let (server, client) = pair.shakeHands()
        #expect(client == .wrongKey(expected: pinned.publicKey, found: one.publicKey))
        #expect(server == .refusedByPeer(alert: "bad certificate"))
        #expect(pair.client.peerKey.isEmpty && pair.server.peerKey.isEmpty)
    }

    @Test func `a connection that failed cannot be used again`() throws {
        let (one, other) = (try makeIdentity(), try makeIdentity())
        let pair = try TLSPair(
            server: TLSContext(serverWith: one), client: TLSContext(clientWith: other, expecting: other.publicKey))
        _ = pair.shakeHands()
        #expect(throws: TransportError.closed) { try pair.client.handshake() }
    }

    @Test(arguments: [ForeignParty.Key.rsa, .p256, .none])
    func `a client without an Ed25519 certificate is refused`(key: ForeignParty.Key) throws {
        #expect(try errorOfServer(meeting: { try ForeignParty(key: key, on: $0) }) != nil)
    }

    @Test(arguments: [ForeignParty.Key.rsa, .p256])
    func `a server without an Ed25519 certificate is refused`(key: ForeignParty.Key) throws {
        let (ours, theirs) = try makeSocketPair()
        let context = try TLSContext(clientWith: makeIdentity(), expecting: makeIdentity().publicKey)
        let client = try TLSConnection(context, adopting: ours)
        let server = try ForeignParty(isServer: true, key: key, on: theirs)
        #expect(failure(of: client, with: server) != nil)
    }

    @Test func `a foreign client with an Ed25519 certificate is accepted, so the refusals are for their reasons`() throws {
        #expect(try errorOfServer(meeting: { try ForeignParty(on: $0) }) == nil)
    }

    @Test func `a certificate with a chain is refused`() throws {
        let error = try errorOfServer(meeting: { try ForeignParty(on: $0, hasChain: true) })
        #expect(error == .unacceptableCertificate(reason: "it comes with another one and is not marked as standing in for it"))
    }

    @Test func `TLS 1.2 is refused`() throws {
        #expect(try errorOfServer(meeting: { try ForeignParty(on: $0, version: TLS1_2_VERSION) }) != nil)
    }

    @Test func `a client that names no protocol is refused`() throws {
        #expect(try errorOfServer(meeting: { try ForeignParty(on: $0, protocolName: nil) }) == .wrongProtocol)
    }

    @Test(arguments: ["http/1.1", "stint/2", "stint/", "stint/11"])
    func `a client that names another protocol is refused`(name: String) throws {
        #expect(try errorOfServer(meeting: { try ForeignParty(on: $0, protocolName: name) }) != nil)
    }

    @Test func `a goodbye is an end and what came before it arrives`() throws {
        let pair = try TLSPair.established()
        #expect(try pair.client.write([1, 2, 3]) == .bytes(3))
        pair.client.closeNotify()
        pair.client.close()
        #expect(try pair.server.read().bytes == [1, 2, 3])
        #expect(try pair.server.read().outcome == .end)
    }

    @Test func `bytes that end without a goodbye are an error`() throws {
        let pair = try TLSPair.established()
        #expect(try pair.client.write([1, 2, 3]) == .bytes(3))
        pair.client.close()
        #expect(try pair.server.read().bytes == [1, 2, 3])
        #expect(throws: TransportError.truncated) { try pair.server.read() }
    }

    @Test func `a record with a flipped bit ends the connection`() throws {
        let wire = try TLSWire()
        #expect(try wire.client.write([1, 2, 3]) == .bytes(3))
        var record = wire.takeFromClient()
        record[7] ^= 1
        wire.giveToServer(record)
        #expect(throws: TransportError.self) { try wire.server.read() }
    }

    @Test func `half a record is not pending, or its reader would spin`() throws {
        let wire = try TLSWire()
        _ = try wire.client.write([1, 2, 3])
        let record = wire.takeFromClient()
        wire.giveToServer(Array(record.prefix(10)))
        #expect(try wire.server.read().outcome == .wouldBlock)
        #expect(!wire.server.hasPending)
        wire.giveToServer(Array(record.dropFirst(10)))
        #expect(try wire.server.read().bytes == [1, 2, 3])
    }

    @Test func `a record that is sent twice ends the connection`() throws {
        let wire = try TLSWire()
        _ = try wire.client.write([1, 2, 3])
        let record = wire.takeFromClient()
        wire.giveToServer(record + record)
        #expect(try wire.server.read().bytes == [1, 2, 3])
        #expect(throws: TransportError.self) { try wire.server.read() }
    }

    @Test func `a failed connection leaves nothing behind for the next one on the thread`() throws {
        let healthy = try TLSPair.established()
        let broken = try TLSPair.established()
        broken.client.close()
        #expect(throws: TransportError.truncated) { try broken.server.read() }
        #expect(try healthy.server.read().outcome == .wouldBlock)
    }

    @Test func `pending says no more once a read found nothing`() throws {
        let pair = try TLSPair.established()
        _ = try pair.client.write([UInt8](repeating: 1, count: 100))
        _ = try pair.client.write([UInt8](repeating: 2, count: 100))
        _ = try pair.server.read(maximum: 10)
        #expect(pair.server.hasPending)
        #expect(try pair.server.read().bytes.count == 90)
        #expect(try pair.server.read().bytes.count == 100)
        #expect(try pair.server.read().outcome == .wouldBlock)
        #expect(!pair.server.hasPending)
    }

    private func errorOfServer(meeting makeClient: (Int32) throws -> ForeignParty) throws -> TransportError? {
        let (ours, theirs) = try makeSocketPair()
        let server = try TLSConnection(TLSContext(serverWith: makeIdentity()), adopting: ours)
        return failure(of: server, with: try makeClient(theirs))
    }

    private func failure(of connection: TLSConnection, with foreign: ForeignParty) -> TransportError? {
        var isDone = false
        for _ in 0..<10 {
            foreign.step()
            guard !isDone else { continue }
            do throws(TransportError) { isDone = try connection.handshake() == .done } catch { return error }
        }
        return isDone ? nil : .timedOut(doing: "a test's handshake")
    }
}

func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
