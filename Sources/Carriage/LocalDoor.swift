// SPDX-License-Identifier: Apache-2.0
// SECURITY: a door to somewhere else on the operator's machine. It is on the loopback address only, and opens to processes
// of the operator only: other users of the machine can reach the port, and get nothing.

import Access
import Glibc
import Posix
package import Transport

/// A listening port of the operator's machine.
package final class LocalDoor: Sendable {
    private let listener: OwnedDescriptor
    /// Where it listens; port 0 has become a free one.
    package let bound: Endpoint
    private let owner: UInt32

    enum Visit {
        case connection(Int32)
        /// By a process of this user, or nobody knows whose.
        case stranger(UInt32?)
        case none
    }

    private static let tables = ["/proc/net/tcp", "/proc/net/tcp6"]

    /// - Parameter owner: whose processes may come in; root's may always.
    /// - Throws: ``TransportError/portInUse(_:)``, or what the system says.
    package init(port: UInt16, owner: UInt32 = geteuid()) throws(TransportError) {
        let (descriptor, bound) = try Socket.listen(on: Endpoint(host: "127.0.0.1", port: port))
        listener = OwnedDescriptor(owning: descriptor)
        do throws(SystemError) { try listener.setNonBlocking() } catch { throw .system(error) }
        self.bound = bound
        self.owner = owner
    }

    var number: Int32 { listener.number }

    func visit() -> Visit {
        guard case .connection(let descriptor, _) = Socket.accept(from: listener.number) else { return .none }
        let user = Self.user(ofPeerOf: descriptor)
        if user == owner || user == 0 { return .connection(descriptor) }
        _ = close(descriptor)
        return .stranger(user)
    }

    /// Who has the other end of a connection within this machine; `nil` where it is gone already.
    private static func user(ofPeerOf descriptor: Int32) -> UInt32? {
        guard let both = Socket.ends(of: descriptor) else { return nil }
        // As proc_net_tcp(5) has them: the peer's own end first.
        let wanted = [place(both.peer), place(both.own)]
        for table in tables {
            // A machine without IPv6 has no second table.
            guard let bytes = try? DurableFile.readKernelFile(table, maximumBytes: 64 << 20) else { continue }
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: true)
                guard fields.count > 9, zip(fields[1...2], wanted).allSatisfy({ ends($0, with: $1) }) else { continue }
                // What its process has closed already has no file any more, and is shown as root's.
                guard !fields[9].elementsEqual("0".utf8) else { return nil }
                return UInt32(String(decoding: fields[7], as: UTF8.self))
            }
        }
        return nil
    }

    /// The last word of the address and the port, in the table's own writing: both tables have it at the end of a field.
    private static func place(_ address: SocketAddress) -> [UInt8] {
        let digits = { (value: UInt32, width: Int) in
            let text = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: width - text.utf8.count) + text
        }
        let word = address.bytes.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Array((digits(word, 8) + ":" + digits(UInt32(address.port), 4)).utf8)
    }

    private static func ends(_ field: ArraySlice<UInt8>, with wanted: [UInt8]) -> Bool { field.suffix(wanted.count).elementsEqual(wanted) }
}
