// SPDX-License-Identifier: Apache-2.0

/// What a session may do.
package enum Capability: Sendable, Hashable, Comparable {
    case shell, exec, forward, ssh, copy
    /// One command document of the charter and nothing else: see ``CommandDocument``.
    case document(DocumentName)

    /// Those that have no document.
    package static let plain: [Capability] = [.shell, .exec, .forward, .ssh, .copy]
    /// How many one request may name.
    package static let maximumCount = 32
    /// Bytes of ``rawValue`` at most.
    package static let maximumLength = 68

    private static let documentPrefix = "exec:"

    package init(_ text: String) throws(Refusal) {
        if let plain = Self.plain.first(where: { $0.rawValue.utf8.elementsEqual(text.utf8) }) {
            self = plain
        } else if text.utf8.starts(with: Self.documentPrefix.utf8) {
            self = .document(try DocumentName(String(text.dropFirst(Self.documentPrefix.count))))
        } else {
            throw .capabilityUnknown(text)
        }
    }

    /// As a policy and statements write it: `shell`, `exec:tail-log`.
    package var rawValue: String {
        switch self {
        case .shell: "shell"
        case .exec: "exec"
        case .forward: "forward"
        case .ssh: "ssh"
        case .copy: "copy"
        case .document(let name): Self.documentPrefix + name.text
        }
    }

    package static func < (left: Capability, right: Capability) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }

    /// Whether a rule that forbids `self` forbids `other`: who may run no command may run no document either.
    func forbids(_ other: Capability) -> Bool {
        if case (.exec, .document) = (self, other) { return true }
        return self == other
    }
}
