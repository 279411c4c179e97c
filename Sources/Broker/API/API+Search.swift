// SPDX-License-Identifier: Apache-2.0
// SECURITY: a search finds only what its searcher may replay, and is written down like a replay. How much else would have
// been found shows in nothing that is answered.

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

extension API {
    /// Lines of recordings, the latest first.
    func search(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        let query = try SearchQuery(call.parameter("text") ?? "")
        let search = RecordingSearch(
            query: query, since: Timestamp(milliseconds: try call.number("since", in: Timestamp.validRange) ?? 0),
            node: call.parameter("node") ?? "", person: call.parameter("person") ?? "",
            limit: Int(try call.number("limit", in: 1...Int64(Limits.listRows)) ?? 100), searcher: person)
        let text = call.parameter("text") ?? ""
        core.write { workflow in
            try workflow.record("recording.searched", person.name, by: person.name, ["text": .string(text)])
        } completion: { [core] result in
            if case .failure(let error) = result { return call.responder.fail(error) }
            core.searchReaders.submit { index in try search.run(in: index, core) } completion: { call.responder.finish($0) }
        }
    }
}

/// One search by one person.
private struct RecordingSearch: Sendable {
    let query: SearchQuery
    let since: Timestamp
    let node: String
    let person: String
    let limit: Int
    let searcher: Person

    /// Hits that are looked at before a search gives up: somebody who may see little cannot keep the index busy.
    private static let patience = 20_000
    private static let batch = 500

    /// On the index's reader, which waits for the database's.
    func run(in index: Connection, _ core: BrokerCore) throws -> JSONValue {
        var found: [JSONValue] = []
        var visible: [SessionID: Bool] = [:]
        var before = Int64.max
        var looked = 0
        while found.count < limit, looked < Self.patience {
            let hits = try index.search(query, before: before, since: since, node: node, person: person, limit: Self.batch)
            guard let last = hits.last else { break }
            let unknown = Set(hits.map(\.session)).filter { visible[$0] == nil }
            let directory = core.roll.current.directory
            visible.merge(try core.readers.perform { [searcher] in try $0.replayable(unknown, by: searcher, in: directory) }) { $1 }
            found += hits.filter { visible[$0.session] == true }.prefix(limit - found.count).map(Self.json)
            looked += hits.count
            before = last.id
        }
        return .items(found)
    }

    private static func json(_ hit: SearchHit) -> JSONValue {
        .object([
            "session": .string(hit.session.description), "node": .string(hit.node), "person": .string(hit.person),
            "time": Presentation.time(hit.openedAt + hit.at), "atMilliseconds": .integer(hit.at.wholeMilliseconds),
            "text": .string(hit.text),
        ])
    }
}

extension Connection {
    /// Which of these sessions' recordings `person` may replay.
    fileprivate func replayable(_ sessions: Set<SessionID>, by person: Person, in directory: Directory) throws -> [SessionID: Bool] {
        let visibility = Visibility(person: person, directory: directory)
        var answers: [SessionID: Bool] = [:]
        for id in sessions {
            guard let session = try session(id), let request = try request(session.machine.grant.sibling() as RequestID) else {
                answers[id] = false
                continue
            }
            answers[id] = try visibility.sees(request) && recording(id)?.state != .deleted
        }
        return answers
    }
}
