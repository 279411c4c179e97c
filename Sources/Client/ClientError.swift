// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Terminal

/// What goes wrong in the client itself, on the operator's machine.
package enum ClientError: Explainable, Equatable {
    case noHome
    case notJoined(String)
    case alreadyJoined(String, person: String)
    case keyDamaged(String)
    case rosterKeyDamaged(String)
    case rosterNotSigned(String)
    case fileDamaged(String, what: String)
    case keyLocked(String)
    case noPassphrase
    case wrongPassphrase(String)
    case passphraseTooShort
    case passphrasesDiffer
    case otherInstallation
    case otherBroker
    case foundedAlready
    case noFoundingPolicy
    case invitationNotAccepted
    case unclearAnswer(String)
    case wrongObject(asked: String, got: String)
    case notFound(String)
    case ambiguous(String, choices: [String])
    case nothingLive
    case needsConfirmation
    case notConfirmed
    /// - Parameter use: what it is needed for: "for `shell` on node `db-1`".
    case noCoveringGrant(_ use: String, hint: String)
    case requestEnded(String, state: String)
    case grantNotUsable(String, state: String)
    case grantElsewhere(String, use: String)
    case nodeGaveUp(String)
    /// What forwards or copies goes on in its own client only.
    case carries(String)
    case waitedTooLong(String)
    case connectionClosed
    case noRecording(String)
    case noHold(String)
    case evidenceFails(String)
    case noSuchCommand(String)
    case otherDigest(String, got: String)
    case noChoice(String)
    case nobodyToPick

    package var code: String {
        switch self {
        case .noHome: "client.no-home"
        case .notJoined: "client.not-joined"
        case .alreadyJoined: "client.already-joined"
        case .keyDamaged: "client.key-damaged"
        case .rosterKeyDamaged: "client.roster-key-damaged"
        case .rosterNotSigned: "client.roster-not-signed"
        case .fileDamaged: "client.file-damaged"
        case .keyLocked: "key.locked"
        case .noPassphrase: "key.not-given"
        case .wrongPassphrase: "key.wrong-passphrase"
        case .passphraseTooShort: "key.passphrase-too-short"
        case .passphrasesDiffer: "key.passphrases-differ"
        case .otherInstallation: "roll.other-installation"
        case .otherBroker: "roll.other-broker"
        case .foundedAlready: "roll.founded-already"
        case .noFoundingPolicy: "client.no-policy"
        case .invitationNotAccepted: "invitation.not-accepted"
        case .unclearAnswer: "broker.unclear"
        case .wrongObject: "broker.wrong-object"
        case .notFound: "client.not-found"
        case .ambiguous: "client.ambiguous"
        case .nothingLive: "grant.not-found"
        case .needsConfirmation: "client.needs-confirmation"
        case .notConfirmed: "client.not-confirmed"
        case .noCoveringGrant: "grant.none-covers"
        case .requestEnded: "request.not-approved"
        case .grantNotUsable: "grant.over"
        case .grantElsewhere: "grant.does-not-cover"
        case .nodeGaveUp: "session.not-opened"
        case .carries: "session.carries"
        case .waitedTooLong: "session.timed-out"
        case .connectionClosed: "session.connection-closed"
        case .noRecording: "recording.not-found"
        case .noHold: "hold.not-found"
        case .evidenceFails: "evidence.does-not-hold"
        case .noSuchCommand: "command.not-found"
        case .otherDigest: "request.other-digest"
        case .noChoice: "client.no-choice"
        case .nobodyToPick: "client.nobody-to-pick"
        }
    }

    package var message: String {
        switch self {
        case .noHome: "There is no home directory: HOME is not set."
        case .notJoined(let path): "This client has not joined any installation (looked in \(path))."
        case .alreadyJoined(let path, let person): "This client has joined already, as `\(person)` (\(path))."
        case .rosterNotSigned(let path): "\(path) is not what `stint roster sign` writes."
        case .rosterKeyDamaged(let path): "\(path) is not an Ed25519 key in PEM without a passphrase."
        case .keyDamaged(let path): "The device key \(path) is not 64 hexadecimal digits."
        case .fileDamaged(let path, let what): "The file \(path) is damaged: \(what)"
        case .keyLocked(let path): "The device key \(path) is under a passphrase, and nobody gave it."
        case .noPassphrase: "No passphrase was given; nothing was changed."
        case .wrongPassphrase(let path): "None of these is the passphrase of the device key \(path)."
        case .passphraseTooShort: "A passphrase has at least 8 bytes."
        case .passphrasesDiffer: "The two passphrases are not the same; nothing was changed."
        case .otherInstallation: "The broker serves the roll of another installation than the one you joined."
        case .otherBroker: "The roll names another broker key than the one that your token named."
        case .foundedAlready: "This installation has an administrator already; the founding token works once."
        case .noFoundingPolicy: "The broker offers no policy to begin with."
        case .invitationNotAccepted:
            "The broker does not take this invitation: it was used, has expired, or was never known there."
        case .unclearAnswer(let what): "The broker's answer cannot be used: \(what)."
        case .wrongObject(let asked, let got): "The broker answered with `\(got)` where `\(asked)` was asked for."
        case .notFound(let text): "There is no request, grant or session `\(text)` that you may see."
        case .ambiguous(let what, let choices): "\(what): \(choices.joined(separator: ", "))."
        case .nothingLive: "You have no grant that is ready or active."
        case .needsConfirmation: "This needs your yes, and there is no terminal to ask you on."
        case .notConfirmed: "Nothing was done: the answer was not yes."
        case .noCoveringGrant(let use, _): "You have no grant \(use)."
        case .requestEnded(let id, let state): "Request \(id) was not approved: it is \(DisplayText.escaped(state))."
        case .grantNotUsable(let id, let state): "Grant \(id) cannot be used: it is \(state)."
        case .grantElsewhere(let id, let use): "Grant \(id) does not cover \(use)."
        case .nodeGaveUp(let what): what
        case .carries(let id): "Session \(id) carries connections or files for the command that opened it."
        case .connectionClosed: "The broker closed the connection before the session was open."
        case .waitedTooLong(let node): "Node `\(node)` did not answer the opening in time."
        case .noRecording(let id): "Session \(id) has no recording."
        case .noHold(let name): "No hold `\(name)` is in force."
        case .evidenceFails(let what): "The evidence does not hold. \(what)"
        case .otherDigest(let id, let got): "Request \(id) is not the one that was named: its digest is \(got)."
        case .noChoice(let text): "`\(DisplayText.escaped(text))` is not in the list; nothing was done."
        case .nobodyToPick: "More than one request waits for you, and there is no terminal to pick on."
        case .noSuchCommand(let name): "There is no command `\(name)` on this machine."
        }
    }

    package var hint: String? {
        switch self {
        case .noHome: "Pass --home DIR."
        case .notJoined: "Ask an administrator for a token, then run: stint join TOKEN"
        case .alreadyJoined: "Use another directory: --home DIR."
        case .rosterNotSigned(let path): "Sign the shifts first: stint roster sign \(path) --key FILE -o \(path).signed"
        case .rosterKeyDamaged: "Make one: stint roster key FILE, or openssl genpkey -algorithm ed25519 -out FILE"
        case .keyDamaged: "Restore the file from a backup, or enrol this machine again from another device of yours."
        case .keyLocked: "Type it at a terminal: stint key unlock"
        case .wrongPassphrase: "A passphrase cannot be recovered: without it, ask an administrator for a new token."
        case .passphraseTooShort, .passphrasesDiffer: "Try again: stint key passphrase"
        case .fileDamaged: "Move the file away; what can be fetched again is fetched again."
        case .otherInstallation, .otherBroker: "Somebody may be answering in the broker's place. Do not go on; ask who runs it."
        case .foundedAlready: "Ask that administrator: stint invite person NAME"
        case .noFoundingPolicy: "Pass one with --policy FILE."
        case .invitationNotAccepted: "Ask whoever invited you for a new token: one works once."
        case .unclearAnswer: "The broker may be of another version: compare `stint --version` and `stint status`."
        case .wrongObject: "Do not rely on this broker; ask who runs it."
        case .notFound: "`stint requests --all`, `stint grants` and `stint sessions` list what there is."
        case .ambiguous: "Name one of them."
        case .nothingLive: "`stint grants` lists yours."
        case .needsConfirmation: "Look at what is shown above, and add --yes if it may be."
        case .noPassphrase: "It is typed at a terminal: stint key passphrase"
        case .carries: "End it with `stint end`, and run the command again."
        case .notConfirmed, .nodeGaveUp, .connectionClosed: nil
        case .noCoveringGrant(_, let hint): hint
        case .requestEnded(let id, _), .grantNotUsable(let id, _): "`stint show \(id)` tells what happened."
        case .grantElsewhere(let id, _): "`stint show \(id)` tells what it covers."
        case .waitedTooLong: "`stint nodes` tells whether it is connected."
        case .noHold: "`stint hold list` shows those that are."
        case .evidenceFails: "Get the file again from where it was written. Where --root was given, compare it with what `stint whoami` shows."
        case .otherDigest: "Somebody asked for something else under the same id. Look at it before you agree."
        case .noChoice: nil
        case .nobodyToPick: "Name one: `stint requests --to-decide` lists them."
        case .noSuchCommand: "Nothing was asked. PATH says where commands are looked for."
        case .noRecording: "The session may not have begun, or its policy records best effort only."
        }
    }
}
