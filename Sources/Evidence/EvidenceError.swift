// SPDX-License-Identifier: Apache-2.0

package import Access
package import StrictJSON

/// Why evidence does not hold.
package enum EvidenceError: Error, Equatable {
    case malformed(JSONError)
    case refused(Refusal)
    case cryptography(CryptographyError)
    case internalFailure(String)

    case signatureMalformed
    /// A field of the right kind whose value cannot be.
    case fieldMalformed(String)
    case typeUnknown(String)
    case typeUnexpected(String, expected: String)
    /// No valid signature by the key that ought to have signed.
    case notSigned(type: String, by: String)
    case otherInstallation(type: String)

    // The roll
    case rollGap(expected: Int64, found: Int64)
    case rollForked(Int64)
    case rollBehind(here: Int64, needed: Int64)
    case rollEmpty
    case nameTaken(kind: String, String)
    case keyTaken
    case invitationUnknown
    case invitationUsed
    case invitationExpired(Timestamp)
    /// Who invited, or the device that signed the invitation, was taken away since.
    case invitationVoid(by: PersonName)
    case subjectUnknown(kind: String, String)
    case policyInvalid(String)
    case lastAdministrator(PersonName)

    // What belongs together
    case doesNotBelong(type: String, to: String)

    // The ledger
    case ledgerBroken(number: Int64, what: String)
    /// The ledger ends before an entry that the broker had signed for at that time.
    case ledgerBehind(here: Int64, seen: Int64, at: Timestamp)
    /// Another history than the one whose first so many entries were seen.
    case ledgerForked(Int64)
    /// The signed head does not name the entries that are there.
    case ledgerHeadWrong(size: Int64)
    /// Evidence without the ledger entry that its statement had to cause.
    case notInLedger(event: String, subject: String)

    package init(_ error: any Error) {
        switch error {
        case let error as EvidenceError: self = error
        case let error as Refusal: self = .refused(error)
        case let error as JSONError: self = .malformed(error)
        case let error as CryptographyError: self = .cryptography(error)
        default: self = .internalFailure("\(error)")
        }
    }
}

extension EvidenceError: Explainable {
    package var code: String {
        switch self {
        case .malformed(let error): error.code
        case .refused(let refusal): refusal.code
        case .cryptography(let error): error.code
        case .internalFailure: "internal"
        case .signatureMalformed: "evidence.signature-malformed"
        case .fieldMalformed: "evidence.field-malformed"
        case .typeUnknown: "evidence.unknown-type"
        case .typeUnexpected: "evidence.unexpected-type"
        case .notSigned: "evidence.not-signed"
        case .otherInstallation: "evidence.other-installation"
        case .rollGap: "roll.gap"
        case .rollForked: "roll.forked"
        case .rollBehind: "roll.behind"
        case .rollEmpty: "roll.empty"
        case .nameTaken: "roll.name-taken"
        case .keyTaken: "roll.key-taken"
        case .invitationUnknown: "invitation.unknown"
        case .invitationUsed: "invitation.used"
        case .invitationExpired: "invitation.expired"
        case .invitationVoid: "invitation.void"
        case .subjectUnknown: "roll.unknown-subject"
        case .policyInvalid: "policy.invalid"
        case .lastAdministrator: "roll.last-administrator"
        case .doesNotBelong: "evidence.does-not-belong"
        case .ledgerBroken: "ledger.broken"
        case .ledgerBehind: "ledger.behind"
        case .ledgerForked: "ledger.forked"
        case .ledgerHeadWrong: "ledger.head-wrong"
        case .notInLedger: "evidence.not-in-ledger"
        }
    }

    package var message: String {
        switch self {
        case .malformed(let error): error.message
        case .refused(let refusal): refusal.message
        case .cryptography(let error): error.message
        case .internalFailure(let what): "Something failed that should not: \(what)."
        case .fieldMalformed(let what): "The statement is malformed: \(what)."
        case .signatureMalformed: "A signature is not 64 bytes under an Ed25519 key."
        case .typeUnknown(let type): "`\(type)` is not a kind of statement that is known here."
        case .typeUnexpected(let type, let expected): "A statement of kind `\(expected)` was expected, and this is `\(type)`."
        case .notSigned(let type, let key): "The statement `\(type)` has no valid signature of \(key)."
        case .otherInstallation(let type): "The statement `\(type)` belongs to another installation of Stint."
        case .rollGap(let expected, let found): "Entry \(expected) of the roll is missing; what came is entry \(found)."
        case .rollForked(let number): "Entry \(number) of the roll does not follow from the one that is known here."
        case .rollBehind(let here, let needed): "The roll ends at entry \(here), and entry \(needed) is known to exist."
        case .rollEmpty: "The roll is empty: no administrator has joined yet."
        case .nameTaken(let kind, let name): "There is already a \(kind) `\(name)`."
        case .keyTaken: "That key is already enrolled."
        case .invitationUnknown: "There is no such invitation."
        case .invitationUsed: "The invitation was used already."
        case .invitationExpired(let time): "The invitation expired at \(time)."
        case .invitationVoid(let name): "The invitation no longer counts: `\(name)` may not invite any more, or not with that device."
        case .subjectUnknown(let kind, let name): "There is no \(kind) `\(name)`."
        case .policyInvalid(let what): what
        case .lastAdministrator(let name): "`\(name)` is the last administrator."
        case .doesNotBelong(let type, let other): "The statement `\(type)` does not belong to this \(other)."
        case .ledgerBroken(let number, let what): "Entry \(number) of the ledger is broken: \(what)."
        case .ledgerBehind(let here, let seen, let at):
            "The broker's ledger ends at entry \(here), but at \(at) it signed for \(seen) entries: its database was set back, as "
                + "by restoring an older copy."
        case .ledgerForked(let number):
            "The broker's ledger is not a continuation of the \(number) entries that it signed for before: history was rewritten."
        case .ledgerHeadWrong(let size): "The broker signed for \(size) entries that are not the ones it shows."
        case .notInLedger(let event, let subject): "The ledger has no `\(event)` of \(subject) with this statement."
        }
    }

    package var hint: String? {
        switch self {
        case .malformed(let error): error.hint
        case .refused(let refusal): refusal.hint
        case .cryptography(let error): error.hint
        case .rollBehind, .rollForked: "The broker serves an old or another history. Ask who runs it; do not go on."
        case .ledgerBehind, .ledgerForked, .ledgerHeadWrong:
            "Do not rely on this broker; ask who runs it. Where an older copy was restored on purpose, remove ledger.json from "
                + "the home here to begin anew."
        case .nameTaken: "Choose another name: a name is used once, even when its bearer is disabled."
        case .invitationUsed, .invitationExpired, .invitationVoid, .invitationUnknown: "Ask an administrator for a new one: a token works once, for 15 minutes."
        case .lastAdministrator: "Make somebody else administrator first."
        default: nil
        }
    }
}
