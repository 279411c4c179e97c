// SPDX-License-Identifier: Apache-2.0

package import Access
import StrictJSON

/// One entry of the roll, read.
package enum RollEntry: Sendable {
    case charter(Signed<CharterStatement>)
    case invitation(Signed<InvitationStatement>)
    case enrolment(Signed<EnrolmentStatement>)
    case disabling(Signed<DisablingStatement>)
    case publication(Signed<PublicationStatement>)

    package init(_ source: SignedText) throws(EvidenceError) {
        let value: JSONValue
        do { value = try source.value() } catch { throw .malformed(error) }
        switch value["type"]?.asString ?? "" {
        case CharterStatement.type: self = .charter(try Signed(source, reading: value))
        case InvitationStatement.type: self = .invitation(try Signed(source, reading: value))
        case EnrolmentStatement.type: self = .enrolment(try Signed(source, reading: value))
        case DisablingStatement.type: self = .disabling(try Signed(source, reading: value))
        case PublicationStatement.type: self = .publication(try Signed(source, reading: value))
        case let other: throw .typeUnknown(other)
        }
    }

    package var place: RollPlace {
        switch self {
        case .charter(let statement): statement.value.place
        case .invitation(let statement): statement.value.place
        case .enrolment(let statement): statement.value.place
        case .disabling(let statement): statement.value.place
        case .publication(let statement): statement.value.place
        }
    }

    package var digest: Digest {
        switch self {
        case .charter(let statement): statement.digest
        case .invitation(let statement): statement.digest
        case .enrolment(let statement): statement.digest
        case .disabling(let statement): statement.digest
        case .publication(let statement): statement.digest
        }
    }

    package var source: SignedText {
        switch self {
        case .charter(let statement): statement.source
        case .invitation(let statement): statement.source
        case .enrolment(let statement): statement.source
        case .disabling(let statement): statement.source
        case .publication(let statement): statement.source
        }
    }

    package var type: String {
        switch self {
        case .charter: CharterStatement.type
        case .invitation: InvitationStatement.type
        case .enrolment: EnrolmentStatement.type
        case .disabling: DisablingStatement.type
        case .publication: PublicationStatement.type
        }
    }

    package var at: Timestamp {
        switch self {
        case .charter(let statement): statement.value.at
        case .invitation(let statement): statement.value.at
        case .enrolment(let statement): statement.value.at
        case .disabling(let statement): statement.value.at
        case .publication(let statement): statement.value.at
        }
    }

    var isFounding: Bool {
        guard case .charter(let statement) = self else { return false }
        return statement.value.founder != nil
    }
}
