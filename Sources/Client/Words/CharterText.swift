// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import StrictJSON

/// What a change of the charter is, and what became of it, in words.
enum CharterText {
    static func words(_ difference: PolicyDifference) -> String {
        guard !difference.changes.isEmpty else { return "No rule changes.\n" }
        return difference.changes.map { change in
            switch change {
            case .added(let what): "+ \(shown(what))\n"
            case .removed(let what): "- \(shown(what))\n"
            case .changed(let what, let lines): "~ \(shown(what))\n" + lines.map { "    \(shown($0))\n" }.joined()
            }
        }.joined()
    }

    static func words(added: [PersonName], removed: [PersonName]) -> String {
        added.map { "+ administrator `\($0)`\n" }.joined() + removed.map { "- administrator `\($0)`\n" }.joined()
    }

    static func words(_ proposal: CheckedProposal, now: Timestamp) -> String {
        var fields = FieldList()
        fields.add("proposed by", proposal.proposal.by.text)
        fields.add("reason", proposal.consent.value.reason)
        fields.add("would be", "version \(proposal.proposal.version) of the charter")
        fields.add("open until", TimeText.deadline(proposal.proposal.notAfter, now: now))
        return "\(proposal.id)\n" + fields.text + words(added: proposal.added, removed: proposal.removed) + words(proposal.difference)
    }

    static func json(_ change: CharterChange) -> JSONValue {
        switch change {
        case .inForce(let charter):
            .object(["version": .integer(charter.value.version), "digest": .string(charter.digest.hex), "state": "in force"])
        case .proposed(let id, let notAfter):
            .object(["proposal": .string(id.description), "notAfter": .string(notAfter.description), "state": "proposed"])
        }
    }

    static func words(_ change: CharterChange, now: Timestamp) -> String {
        switch change {
        case .inForce(let charter): "Version \(charter.value.version) of the charter is in force.\n"
        case .proposed(let id, let notAfter):
            "Proposed as \(id), until \(TimeText.deadline(notAfter, now: now)). Another administrator agrees with: stint policy agree \(id)\n"
        }
    }
}
