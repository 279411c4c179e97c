// SPDX-License-Identifier: Apache-2.0

/// The paths of the API, shared by broker and callers.
package enum Route {
    package static let status = "/v1/status"
    package static let roll = "/v1/roll"
    package static let requests = "/v1/requests"
    package static let votes = "/v1/votes"
    package static let activations = "/v1/activations"
    package static let extensions = "/v1/extensions"
    package static let endings = "/v1/endings"
    package static let reviews = "/v1/reviews"
    package static let proposals = "/v1/proposals"
    package static let grants = "/v1/grants"
    package static let sessions = "/v1/sessions"
    package static let search = "/v1/search"
    package static let holds = "/v1/holds"
    package static let report = "/v1/report"
    package static let nodes = "/v1/nodes"
    package static let people = "/v1/people"
    package static let ledger = "/v1/ledger"
    /// WebSockets: an agent's control channel, a supervisor's and a client's end of a session.
    package static let agent = "/v1/agent"
    package static let attach = "/v1/attach"
    package static let open = "/v1/open"
    /// Looking on at a live session: messages for the reader only.
    package static let watch = "/v1/watch"
}
