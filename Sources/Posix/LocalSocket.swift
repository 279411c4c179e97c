// SPDX-License-Identifier: Apache-2.0
// SECURITY: only a process of the same user is spoken to, whatever the modes of the path are.
import CLinux
import Glibc

/// Sockets between processes of one user on one machine, by a path (unix(7)).
package enum LocalSocket {
    /// Binds and listens. The path must not exist.
    ///
    /// - Throws: `system.eaddrinuse`; `system.enametoolong` for a path of more than 107 bytes.
    package static func listen(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let socket = try make(path)
        try check("bind", path) { stint_local_bind(socket.number, path) }
        guard chmod(path, 0o600) == 0 else { throw SystemError(call: "chmod", errno: errno, subject: path) }
        try check("listen", path) { Glibc.listen(socket.number, 8) }
        return socket
    }

    /// - Throws: `system.enoent` or `system.econnrefused` where nobody listens; `system.eacces` for another user.
    package static func connect(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let socket = try make(path)
        try check("connect", path) { stint_local_connect(socket.number, path) }
        try checkPeer(socket, path)
        return socket
    }

    /// - Throws: `system.eacces` for a process of another user, which gets nothing.
    package static func accept(_ listener: borrowing OwnedDescriptor) throws(SystemError) -> OwnedDescriptor {
        let number = stint_local_accept(listener.number)
        guard number >= 0 else { throw SystemError(call: "accept", errno: errno) }
        let peer = OwnedDescriptor(owning: number)
        try checkPeer(peer, "the socket")
        return peer
    }

    private static func checkPeer(_ socket: borrowing OwnedDescriptor, _ path: String) throws(SystemError) {
        guard stint_peer_user(socket.number) == Int64(geteuid()) else {
            throw SystemError(call: "SO_PEERCRED", errno: EACCES, subject: path)
        }
    }

    private static func make(_ path: String) throws(SystemError) -> OwnedDescriptor {
        try refuseNul(path, in: "socket")
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        return OwnedDescriptor(owning: try check("socket") { socket(AF_UNIX, kind, 0) })
    }
}
