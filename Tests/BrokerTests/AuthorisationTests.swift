// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import StrictJSON
import Testing

@testable import Broker

@Suite struct AuthorisationTests {
    private static let reading = [
        Route.requests, Route.grants, Route.sessions, Route.nodes, Route.people, Route.ledger,
    ]
    private static let verbs = [Route.requests, Route.votes, Route.activations, Route.endings]

    @Test func `a key that nobody enrolled sees nothing but the status`() throws {
        let broker = try TestBroker()
        let stranger = try TestKey()
        #expect(try broker.call("GET", Route.status, as: stranger).body["you"]?["kind"]?.asString == "unknown")
        for path in Self.reading + [Route.roll] {
            let answer = try broker.call("GET", path, as: stranger)
            #expect(answer.status == 403, "\(path)")
            #expect(answer.body["code"]?.asString == "authentication.not-enrolled", "\(path)")
        }
    }

    @Test func `a node may do nothing that is for people`() throws {
        let broker = try TestBroker()
        let node = try broker.enrolNode("node-1")
        for path in Self.reading {
            #expect(try broker.call("GET", path, as: node).body["code"]?.asString == "authentication.not-a-person", "\(path)")
        }
        for path in Self.verbs {
            #expect(try broker.call("POST", path, .object([:]), as: node).body["code"]?.asString == "authentication.not-a-person", "\(path)")
        }
    }

    @Test func `there is no other method than the one of each path`() throws {
        let broker = try TestBroker()
        for path in Self.reading + Self.verbs {
            for method in ["PUT", "PATCH", "DELETE"] {
                #expect(try broker.call(method, path, .object([:]), as: broker.admin).body["code"]?.asString == "http.method", "\(method) \(path)")
            }
        }
        #expect(try broker.call("GET", "/v1/nothing", as: broker.admin).body["code"]?.asString == "http.not-found")
        #expect(try broker.call("GET", "/", as: broker.admin).body["code"]?.asString == "http.not-found")
    }

    @Test func `a field that a verb does not know is refused and changes nothing`() throws {
        let broker = try TestBroker()
        _ = try broker.enrolNode("node-1")
        let oncall = try broker.enrol("oncall", ["oncall"])
        _ = try broker.enrol("lead", ["approvers"])
        let request = try broker.request(by: "oncall", oncall)
        _ = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        let before = try broker.call("GET", Route.requests + "/" + request.id.description, as: oncall).body
        for field in before.asObject?.members.map(\.key) ?? [] where field != "statement" && field != "signatures" {
            for path in Self.verbs {
                var body = try #require(request.source.json.asObject)
                body[field] = "approved"
                let answer = try broker.call("POST", path, .object(body), as: oncall)
                #expect(answer.status == 400, "\(path) \(field)")
            }
        }
        #expect(try broker.call("GET", Route.requests + "/" + request.id.description, as: oncall).body == before)
    }

    @Test func `who may not know of a request is told that there is none`() throws {
        let broker = try TestBroker()
        _ = try broker.enrolNode("node-1")
        let oncall = try broker.enrol("oncall", ["oncall"])
        _ = try broker.enrol("lead", ["approvers"])
        let stranger = try broker.enrol("stranger", ["visitors"])
        let request = try broker.request(by: "oncall", oncall)
        _ = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        let unknown = try broker.call("GET", Route.requests + "/r-000000", as: stranger)
        let forbidden = try broker.call("GET", Route.requests + "/" + request.id.description, as: stranger)
        #expect(unknown.status == 404 && forbidden.status == 404)
        #expect(unknown.body["code"] == forbidden.body["code"])
        #expect(try broker.call("GET", Route.requests, as: stranger).body["items"]?.asArray?.isEmpty == true)
        #expect(try broker.call("GET", Route.nodes, as: stranger).body["items"]?.asArray?.isEmpty == true)
    }

    @Test func `an invitation works once and only for who holds its secret`() throws {
        let broker = try TestBroker()
        let secret = try TestKey()
        let invitation = try InvitationStatement(
            place: try broker.roll().next, subject: .person(try PersonName("bob"), groups: [], attributes: [:]),
            by: try PersonName("admin"), secret: secret.signing.publicKey, notAfter: TestBroker.now + .seconds(900),
            at: TestBroker.now
        ).signed(with: broker.admin.signing)
        _ = try broker.call("POST", Route.roll, invitation.source.json, as: broker.admin)
        func enrol(_ key: TestKey, provedBy secret: TestKey) throws -> JSONValue {
            let enrolment = try EnrolmentStatement(
                place: try broker.roll().next, invitation: invitation.digest, key: key.signing.publicKey, label: "x",
                at: TestBroker.now
            ).signed(with: secret.signing, key.signing)
            return try broker.call("POST", Route.roll, enrolment.source.json, as: key).body
        }
        #expect(try enrol(try TestKey(), provedBy: try TestKey())["code"]?.asString == "evidence.not-signed")
        #expect(try enrol(try TestKey(), provedBy: secret)["number"] != nil)
        #expect(try enrol(try TestKey(), provedBy: secret)["code"]?.asString == "invitation.used")
    }

    @Test func `people who are not administrators change nothing in the roll`() throws {
        let broker = try TestBroker()
        let oncall = try broker.enrol("oncall", ["oncall"])
        let invitation = try InvitationStatement(
            place: try broker.roll().next, subject: .person(try PersonName("friend"), groups: [], attributes: [:]),
            by: try PersonName("oncall"), secret: try TestKey().signing.publicKey, notAfter: TestBroker.now + .seconds(900),
            at: TestBroker.now
        ).signed(with: oncall.signing)
        let answer = try broker.call("POST", Route.roll, invitation.source.json, as: oncall)
        #expect(answer.body["code"]?.asString == "person.not-an-administrator")
    }
}
