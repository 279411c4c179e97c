// SPDX-License-Identifier: Apache-2.0

/// What a session may do.
package enum Capability: Sendable, Hashable, Comparable {
    case shell, exec
    /// Files to the node and from it, as the session's user may read and write them.
    case copy
    /// Connections to the node's own SSH server.
    case ssh
    /// Connections from the node to one destination; `nil` is for rules that forbid, and means every one.
    case forward(Destination?)
    /// One command document of the charter and nothing else: see ``CommandDocument``.
    case document(DocumentName)

    /// Those that are one word.
    package static let plain: [Capability] = [.shell, .exec, .copy, .ssh]
    /// How many one request may name.
    package static let maximumCount = 32
    /// Bytes of ``rawValue`` at most.
    package static let maximumLength = 8 + Destination.maximumLength

    private static let documentPrefix = "exec:"
    private static let forwardPrefix = "forward:"

    package init(_ text: String) throws(Refusal) {
        if let plain = Self.plain.first(where: { $0.rawValue.utf8.elementsEqual(text.utf8) }) {
            self = plain
        } else if text.utf8.starts(with: Self.documentPrefix.utf8) {
            self = .document(try DocumentName(String(text.dropFirst(Self.documentPrefix.count))))
        } else if text.utf8.starts(with: Self.forwardPrefix.utf8) {
            self = .forward(try Destination(String(text.dropFirst(Self.forwardPrefix.count))))
        } else {
            throw .capabilityUnknown(text)
        }
    }

    /// As a rule that forbids names it: `forward` is every destination.
    init(forbidden text: String) throws(Refusal) {
        if text.utf8.elementsEqual("forward".utf8) { self = .forward(nil) } else { try self.init(text) }
    }

    /// As a policy and statements write it: `shell`, `exec:tail-log`, `forward:db.internal:5432`.
    package var rawValue: String {
        switch self {
        case .shell: "shell"
        case .exec: "exec"
        case .copy: "copy"
        case .ssh: "ssh"
        case .forward(nil): "forward"
        case .forward(let destination?): Self.forwardPrefix + destination.description
        case .document(let name): Self.documentPrefix + name.text
        }
    }

    /// Where its connections go; `nil` for what makes none.
    package var destination: Destination? {
        switch self {
        case .ssh: .sshServer
        case .forward(let destination): destination
        case .shell, .exec, .copy, .document: nil
        }
    }

    package static func < (left: Capability, right: Capability) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }

    /// Whether a rule that forbids `self` forbids `other`: who may run no command may run no document either, and who may be
    /// forwarded nowhere does not reach the SSH server.
    func forbids(_ other: Capability) -> Bool {
        switch (self, other) {
        case (.exec, .document), (.forward(nil), .forward), (.forward(nil), .ssh): true
        case (.forward(let destination?), .ssh): destination == .sshServer
        case (.ssh, .forward(let destination)): destination == .sshServer
        default: self == other
        }
    }
}
