// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Protocol
import StrictJSON

struct ShowCommand: Command {
    static let declaration = CommandDeclaration(
        name: "show", group: Groups.asking, summary: "Show a request, a grant or a session",
        parameters: [.requestID("As r-7k2p9x, g-7k2p9x or s-7k2p9x; without its letter, whichever there is."), .watch],
        examples: [.init("stint show r-7k2p9x", "See who may decide, and who has.")])

    private let setting: CommandSetting
    private let text: String
    private let kinds: [Kind]
    private let isWatching: Bool

    private enum Kind {
        case request(RequestID)
        case session(SessionID)
        case grant(GrantID)

        /// The request whose story it belongs to; a session's grant is not in its id.
        var request: RequestID? {
            switch self {
            case .request(let id): id
            case .grant(let id): id.sibling()
            case .session: nil
            }
        }
    }

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        text = values.required("id")
        isWatching = values.flag("watch")
        let letter = text.utf8.count == 8 ? text.utf8.first.map { $0 | 0x20 } : nil
        switch letter {
        case UInt8(ascii: "g"):
            kinds = [.grant(try values.requiredParsed("id") { text throws(Refusal) in try GrantID(text) })]
        case UInt8(ascii: "s"):
            kinds = [.session(try values.requiredParsed("id") { text throws(Refusal) in try SessionID(text) })]
        case UInt8(ascii: "r"):
            kinds = [.request(try values.requiredParsed("id") { text throws(Refusal) in try RequestID(text) })]
        default:
            kinds = [
                .request(try values.requiredParsed("id") { text throws(Refusal) in try RequestID(text) }),
                .session(try values.requiredParsed("id") { text throws(Refusal) in try SessionID(text) }),
            ]
        }
    }

    func run(in console: Console) throws -> Int32 {
        let reader = try setting.signIn()
        if isWatching { return try Refresh(console).run { try show(reader, in: $0) } }
        try show(reader, in: console)
        return 0
    }

    private func show(_ reader: Operator, in console: Console) throws {
        for kind in kinds {
            do {
                let (path, words) = Self.place(of: kind)
                let answer = Answer(try reader.broker.get(path))
                let story = setting.json ? "" : Timeline(around: kind.request, seenBy: reader)?.text(now: .now()) ?? ""
                setting.show(answer.json, in: console) { words(answer, .now()) + story }
                return
            } catch let problem as Problem where problem.status == 404 && kinds.count > 1 {
                continue
            }
        }
        throw ClientError.notFound(text)
    }

    private static func place(of kind: Kind) -> (path: String, words: (Answer, Timestamp) -> String) {
        switch kind {
        case .request(let id): ("\(Route.requests)/\(id)", { ObjectText.request($0, now: $1) })
        case .session(let id): ("\(Route.sessions)/\(id)", { ObjectText.session($0, now: $1) })
        case .grant(let id): ("\(Route.grants)/\(id)", { ObjectText.grant($0, now: $1) })
        }
    }
}
