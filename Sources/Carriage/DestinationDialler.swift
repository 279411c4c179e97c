// SPDX-License-Identifier: Apache-2.0
// SECURITY: a name is resolved once; what it led to is judged, and exactly that is dialled. A name that answers
// differently the next time leads nowhere else.

package import Access
import Transport

/// The addresses of a destination that may be dialled.
package struct DestinationDialler: Sendable {
    let destination: Destination
    let addresses: [SocketAddress]

    /// Resolves the destination. Waits for the resolver.
    ///
    /// - Throws: ``CarriageError/noAddress(_:reason:)`` where there is none, or none that may be dialled.
    package init(_ destination: Destination) throws(CarriageError) {
        let found: [SocketAddress]
        do throws(TransportError) {
            found = try Socket.addresses(of: Endpoint(host: destination.hostName, port: destination.port))
        } catch {
            guard case .nameNotFound(_, let reason) = error else { throw .transport(error) }
            throw .noAddress(destination, reason: "it has no address (\(reason))")
        }
        var refused: String?
        var allowed: [SocketAddress] = []
        for address in found {
            guard let plain = NetworkAddress(bytes: address.bytes) else { continue }
            if let reason = destination.refusal(of: plain) {
                refused = refused ?? "it leads to \(plain), and \(reason)"
            } else {
                allowed.append(address)
            }
        }
        guard !allowed.isEmpty else { throw .noAddress(destination, reason: refused ?? "it has no address") }
        self.destination = destination
        addresses = allowed
    }
}
