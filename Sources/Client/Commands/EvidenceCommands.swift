// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import Protocol
import StrictJSON

struct EvidenceCommand: Command {
    static let declaration = CommandDeclaration(
        name: "evidence", group: Groups.looking, summary: "Write all that proves one grant into a file",
        discussion: """
            The file holds the request, the votes, the activation, every opening, acceptance, receipt and ending as they were \
            signed, the roll they rest on, and the ledger's entries with their proofs. It is verified here before it is \
            written; `stint verify` does the same anywhere, offline.
            """,
        parameters: [
            .requestID("A grant, or the request it came from."),
            .option("output", value: "FILE", completes: .files, help: "Where to write: ID.evidence if left out, - for standard output."),
        ],
        examples: [.init("stint evidence g-7k2p9x --output INC-4242.evidence", "Keep what an auditor will ask for.")])

    private let setting: CommandSetting
    private let id: GrantID
    private let output: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try GrantID(ofGrantOrRequest: text) }
        output = values.value("output") ?? "\(id).evidence"
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        let (evidence, finding) = try ElapsedLine.show("Gathering the evidence") {
            let evidence = try GrantEvidence(try user.broker.get("\(Route.grants)/\(id)/evidence"))
            return (evidence, try evidence.verify(root: user.identity.root))
        }
        guard finding.request == id.sibling() else {
            throw ClientError.wrongObject(asked: id.description, got: finding.request.description)
        }
        if output == "-" {
            console.output(evidence.text)
        } else {
            try DurableFile.writeAtomically(Array(evidence.text.utf8), to: output)
            console.errors("Wrote \(output). Anybody verifies it with: stint verify \(output) --root \(user.identity.root.hex)\n")
        }
        return 0
    }
}

struct VerifyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "verify", group: Groups.looking, summary: "Check a file of evidence, without any broker",
        discussion: """
            Needs the file and the installation's root only: the digest of the first entry of the roll, which `stint whoami` \
            shows as `installation` to everybody who has joined. Every signature and every hash is checked here.

            With a recording, as `stint replay --raw` writes it, its bytes are held against the end that the broker signed for it. One \
            whose end nobody signed is shown as truncated: nothing says what its last bytes were.
            """,
        parameters: [
            .positional("file", value: "FILE", completes: .files, help: "What `stint evidence` wrote."),
            .option("root", value: "DIGEST", help: "The root, 64 hexadecimal digits; the one of this client if left out."),
            .option("recording", value: "FILE", completes: .files, help: "The recording of one of its sessions, to be verified as well."),
        ],
        exitStatuses: [.init(1, "Something does not hold, or nobody signed the end of the recording.")],
        examples: [
            .init("stint verify INC-4242.evidence --root 5c1e...", "Verify on a machine that never joined."),
            .init("stint verify INC-4242.evidence --recording s-7k2p9x.cast", "And that this is what was recorded."),
        ])

    private let setting: CommandSetting
    private let file: String
    private let root: Digest?
    private let recording: String?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        file = values.required("file")
        recording = values.value("recording")
        let text = values.value("root")
        root = text.flatMap { Digest(hex: $0) }
        if let text, root == nil {
            throw UsageError(code: "usage.value", message: "`\(text)` is not a digest.", hint: "It has 64 hexadecimal digits.")
        }
    }

    func run(in console: Console) throws -> Int32 {
        let root = try root ?? setting.clientHome().identity().root
        let bytes = try DurableFile.read(file, maximumBytes: GrantEvidence.maximumLength)
        let (evidence, finding) = try Self.verified(bytes, root)
        let check = try recording.map { try RecordingCheck($0, in: evidence) }
        setting.show(Self.answer(evidence, finding, root, check), in: console) { Self.words(evidence, finding, check) }
        return check?.outcome == .withoutEnd ? 1 : 0
    }

    private static func verified(_ bytes: [UInt8], _ root: Digest) throws(ClientError) -> (GrantEvidence, GrantEvidence.Finding) {
        do throws(EvidenceError) {
            let evidence = try GrantEvidence(text: bytes)
            return (evidence, try evidence.verify(root: root))
        } catch {
            // One status for all: whatever is wrong in the file says nothing about the command line or a policy.
            throw .evidenceFails(error.message)
        }
    }

    private static func answer(_ evidence: GrantEvidence, _ finding: GrantEvidence.Finding, _ root: Digest, _ recording: RecordingCheck?)
        -> JSONValue
    {
        .object([
            "verified": true, "root": .string(root.hex), "request": .string(finding.request.description),
            "requester": .string(evidence.request.value.person.text), "reason": .string(evidence.request.value.reason),
            "approvers": .names(evidence.approvers), "approved": .bool(finding.terms != nil),
            "consent": (finding.consent?.rawValue).map { .string($0) } ?? .null,
            "review": (evidence.review?.value.verdict.rawValue).map { .string($0) } ?? .null,
            "nodes": .names(finding.terms?.nodes ?? []), "extensions": .integer(Int64(evidence.extensions.count)),
            "sessions": .integer(Int64(evidence.sessions.count)),
            "entries": .integer(Int64(evidence.entries.count)), "ledger": .integer(evidence.head.value.size),
            "ledgerSignedAt": .string(evidence.head.value.at.description), "recording": recording?.json ?? .null,
        ])
    }

    private static func words(_ evidence: GrantEvidence, _ finding: GrantEvidence.Finding, _ recording: RecordingCheck?) -> String {
        var fields = FieldList()
        let request = evidence.request.value
        fields.add("requester", "\(request.person), \(TimeText.utc(request.at))")
        fields.add("reason", request.reason)
        fields.add("approved by", Self.approval(evidence, finding))
        fields.add("review", Self.review(evidence))
        fields.add("nodes", finding.terms?.nodes.sorted().map(\.text).joined(separator: ", "))
        for (extended, agreed) in zip(evidence.extensions, finding.extensions) {
            let names = extended.votes.filter(\.value.vote.approves).map(\.value.vote.person).sorted().map(\.text)
            let who = names.isEmpty ? "the policy" : names.joined(separator: ", ")
            fields.add(
                "extended", "\(extended.statement.id) by \(DurationText.format(agreed.duration)), \(TimeText.utc(agreed.approvedAt)), agreed to by \(who)")
        }
        for session in evidence.sessions { fields.add(session.opening.id.description, words(session)) }
        fields.add("recording", recording?.words)
        let head = evidence.head.value
        fields.add("ledger", "\(evidence.entries.count) entries, in the \(head.size) that the broker signed at \(TimeText.utc(head.at))")
        let holds = recording?.outcome == .withoutEnd ? "everything holds but the recording" : "everything holds"
        return "\(finding.request): \(holds)\n\(fields.text)"
    }

    private static func approval(_ evidence: GrantEvidence, _ finding: GrantEvidence.Finding) -> String {
        switch finding.consent {
        case .people: evidence.approvers.map(\.text).joined(separator: ", ")
        case .policy: "policy: no second person agreed"
        case .breakGlass: "nobody: the glass was broken"
        case nil: "nobody: it is no grant"
        }
    }

    private static func review(_ evidence: GrantEvidence) -> String? {
        guard evidence.request.value.isBreakGlass else { return nil }
        guard let review = evidence.review?.value else { return "not yet given" }
        return "\(review.verdict.rawValue) by \(review.person), \(TimeText.utc(review.at)): \(review.text)"
    }

    private static func words(_ session: GrantEvidence.SessionPart) -> String {
        let opening = session.opening.value
        let what = "\(opening.capability.rawValue) on \(opening.node) as \(opening.runAs), \(TimeText.utc(opening.at))"
        guard let receipt = session.receipt?.value else { return what + "; no receipt" }
        return what + " to \(TimeText.utc(receipt.endedAt)): \(receipt.reason.rawValue), \(receipt.killed) killed, \(receipt.left) left"
    }
}

extension GrantEvidence {
    fileprivate var approvers: [PersonName] { votes.filter(\.value.vote.approves).map(\.value.vote.person).sorted() }
}

extension RecordingCheck {
    fileprivate var json: JSONValue {
        let (state, missing): (String, JSONValue) =
            switch outcome {
            case .whole: ("whole", .integer(0))
            case .truncated(let missing): ("truncated", .integer(missing))
            case .withoutEnd: ("truncated", .null)
            }
        return .object([
            "session": .string(session.description), "state": .string(state), "isSigned": .bool(outcome != .withoutEnd),
            "missing": missing, "bytes": .integer(bytes), "chunks": .integer(chunks),
        ])
    }

    fileprivate var words: String {
        let what = "\(session), \(bytes) bytes in \(chunks) chunks: "
        return switch outcome {
        case .whole: what + "whole, as it was signed"
        case .truncated(let missing): what + "truncated: as it was signed, and \(missing) bytes that the session put out are missing"
        case .withoutEnd: what + "truncated: nobody signed its end"
        }
    }
}
