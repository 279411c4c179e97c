// SPDX-License-Identifier: Apache-2.0
// SECURITY: whoever has the roster's key says who is on call, and nobody else does. Versions only grow; what is too old means
// nobody (P6).

/// A roster that statements fill, so that another program may publish it.
///
/// Of the statements that are known, the newest that was made before a request was signed decides it, for everybody and for
/// good: who asked on call may go on, whoever is on call afterwards.
package struct SignedRoster: Sendable, Equatable {
    /// Whose signature a statement must bear.
    package let key: PublicKey
    /// An older statement says nothing any more.
    package let maximumAge: Duration
    /// In the order of their versions, which is that of their times.
    package private(set) var published: [PublishedRoster] = []
    /// Everybody of every statement.
    package private(set) var people: Set<PersonName> = []

    package static let maximumShifts = 500

    package init(key: PublicKey, maximumAge: Duration) {
        self.key = key
        self.maximumAge = maximumAge
    }

    /// The statement that decides a request signed at `time`.
    package func statement(at time: Timestamp) -> PublishedRoster? {
        var (low, high) = (0, published.count)
        while low < high {
            let middle = (low + high) / 2
            if published[middle].at <= time { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : published[low - 1]
    }

    /// The shift that lasts at `time`; `nil` where there is none, or where the statement is too old.
    package func shift(at time: Timestamp) -> PublishedRoster.Shift? {
        guard let statement = statement(at: time), time - statement.at <= maximumAge else { return nil }
        return statement.shifts.first { $0.from <= time && time < $0.until }
    }

    func onCall(at time: Timestamp) -> PersonName? { shift(at: time)?.person }

    /// Why nobody is on call at `time`.
    package func refusal(of name: RosterName, at time: Timestamp) -> Refusal {
        guard let statement = statement(at: time) else { return .roster(.neverPublished(name)) }
        guard time - statement.at <= maximumAge else {
            return .roster(.tooOld(name, statement.at, age: time - statement.at, maximum: maximumAge))
        }
        return .roster(.nobodyOnCall(name))
    }

    /// Checks that `next` may follow what is known.
    ///
    /// - Parameter isKnown: whether there is such a person; one who is disabled may still be named, and can do nothing.
    package func check(_ next: PublishedRoster, of name: RosterName, isKnown: (PersonName) -> Bool) throws(Refusal) {
        if let last = published.last {
            guard next.version >= last.version else {
                throw .roster(.replayed(name, version: next.version, newest: last.version))
            }
            if next.version == last.version { throw .roster(next == last ? .published(name, next.version) : .forked(name, next.version)) }
            guard next.at > last.at else { throw .roster(.notLater(name, next.at, newest: last.at)) }
        }
        guard next.shifts.count <= Self.maximumShifts else { throw .roster(.tooManyShifts(name, next.shifts.count)) }
        for shift in next.shifts {
            guard shift.from < shift.until else { throw .roster(.shiftReversed(name, shift)) }
            guard isKnown(shift.person) else { throw .roster(.personUnknown(name, shift.person)) }
        }
        let ordered = next.shifts.sorted { $0.from < $1.from }
        for (one, other) in zip(ordered, ordered.dropFirst()) where other.from < one.until {
            throw .roster(.shiftsOverlap(name, one, other))
        }
    }

    mutating func take(_ statement: PublishedRoster) {
        published.append(statement)
        people.formUnion(statement.shifts.map(\.person))
    }
}

/// What one statement says of a roster.
package struct PublishedRoster: Sendable, Equatable {
    /// Somebody is on call from a moment until just before another.
    package struct Shift: Sendable, Equatable, CustomStringConvertible {
        package let person: PersonName
        package let from: Timestamp
        package let until: Timestamp

        package init(person: PersonName, from: Timestamp, until: Timestamp) {
            self.person = person
            self.from = from
            self.until = until
        }

        package var description: String { "\(person) from \(from) until \(until)" }
    }

    package let version: Int64
    package let at: Timestamp
    package let shifts: [Shift]

    package init(version: Int64, at: Timestamp, shifts: [Shift]) {
        self.version = version
        self.at = at
        self.shifts = shifts
    }
}

/// Why a roster says nothing, or a statement about it is not taken.
package enum RosterRefusal: Sendable, Equatable {
    case nobodyOnCall(RosterName)
    case somebodyElseOnCall(RosterName, PersonName)
    case neverPublished(RosterName)
    case tooOld(RosterName, Timestamp, age: Duration, maximum: Duration)
    case notSigned(RosterName)
    case replayed(RosterName, version: Int64, newest: Int64)
    case published(RosterName, Int64)
    case forked(RosterName, Int64)
    case notLater(RosterName, Timestamp, newest: Timestamp)
    case tooManyShifts(RosterName, Int)
    case shiftReversed(RosterName, PublishedRoster.Shift)
    case shiftsOverlap(RosterName, PublishedRoster.Shift, PublishedRoster.Shift)
    case personUnknown(RosterName, PersonName)

    var code: String {
        switch self {
        case .nobodyOnCall: "roster.nobody-on-call"
        case .somebodyElseOnCall: "roster.somebody-else"
        case .neverPublished: "roster.never-published"
        case .tooOld: "roster.too-old"
        case .notSigned: "roster.not-signed"
        case .replayed: "roster.replayed"
        case .published: "roster.published-already"
        case .forked: "roster.forked"
        case .notLater: "roster.not-later"
        case .tooManyShifts: "roster.too-many-shifts"
        case .shiftReversed: "roster.shift-reversed"
        case .shiftsOverlap: "roster.shifts-overlap"
        case .personUnknown: "roster.unknown-person"
        }
    }

    var message: String {
        switch self {
        case .nobodyOnCall(let name): "Nobody is on call in roster `\(name)` at this hour."
        case .somebodyElseOnCall(let name, let person): "You are not on call in roster `\(name)`: `\(person)` is."
        case .neverPublished(let name): "Nobody is on call in roster `\(name)`: no statement of it was published yet."
        case .tooOld(let name, let at, let age, let maximum):
            "Nobody is on call in roster `\(name)`: its newest statement is of \(at), \(DurationText.format(age)) ago, and counts for \(DurationText.format(maximum))."
        case .notSigned(let name): "The policy has no roster `\(name)` that statements fill."
        case .replayed(let name, let version, let newest):
            "Version \(version) of roster `\(name)` is older than version \(newest), which is published."
        case .published(let name, let version): "Version \(version) of roster `\(name)` is published already."
        case .forked(let name, let version):
            "Another version \(version) of roster `\(name)` is published: the key signed two statements with one number."
        case .notLater(let name, let at, let newest):
            "The statement of roster `\(name)` is of \(at), and the version before it of \(newest)."
        case .tooManyShifts(let name, let count):
            "\(count) shifts are more than a statement of roster `\(name)` may have (\(SignedRoster.maximumShifts))."
        case .shiftReversed(let name, let shift): "A shift of roster `\(name)` ends before it begins: \(shift)."
        case .shiftsOverlap(let name, let one, let other): "Two shifts of roster `\(name)` overlap: \(one); \(other)."
        case .personUnknown(let name, let person): "Roster `\(name)` has a shift of `\(person)`, and there is no such person."
        }
    }

    var hint: String? {
        switch self {
        case .nobodyOnCall, .neverPublished, .tooOld: "Whoever has the roster's key publishes a new statement: stint roster publish FILE"
        case .somebodyElseOnCall: "Ask that person, or wait for your own turn: `stint roster` says until when."
        case .notSigned: "A roster needs `key` and `maximumAge` in the policy: see Config/policy.json5."
        case .replayed, .notLater, .forked: "Sign a statement with a higher version, made later."
        case .published: nil
        case .tooManyShifts: "Publish the next weeks only; a later statement says the rest."
        case .shiftReversed, .shiftsOverlap: "One person is on call at a time; for a second one make a roster of its own."
        case .personUnknown: "Rosters name people as `stint people` lists them."
        }
    }
}

// MARK: - In the policy

extension Policy {
    /// Takes over a statement about the roster `name`, where it is filled by statements under `key`.
    mutating func take(_ statement: PublishedRoster, of name: RosterName, signedBy key: PublicKey) {
        guard let index = rosters.firstIndex(where: { $0.name == name }), case .statements(var roster) = rosters[index].source,
            roster.key == key
        else { return }
        roster.take(statement)
        rosters[index].source = .statements(roster)
    }

    /// The same policy with what was published for its rosters under the same keys, as any charter before knows it.
    package func withStatements(of directory: Directory) -> Policy {
        var policy = self
        for (index, roster) in rosters.enumerated() {
            guard case .statements(let given) = roster.source else { continue }
            for charter in directory.charters.reversed() {
                guard case .statements(let known)? = charter.policy.roster(roster.name)?.source, known.key == given.key else { continue }
                var filled = given
                for statement in known.published { filled.take(statement) }
                policy.rosters[index].source = .statements(filled)
                break
            }
        }
        return policy
    }

    /// Why a rule for one of `principals` means nobody: the first roster among them without anybody on call.
    ///
    /// - Parameter principals: with whoever is on call in place of the other rosters.
    func dutyRefusal(of principals: [Principal], at time: Timestamp?) -> Refusal? {
        for case .roster(let name) in principals {
            guard let time, case .statements(let roster)? = roster(name)?.source else { continue }
            return roster.refusal(of: name, at: time)
        }
        return nil
    }
}

extension Directory {
    /// Takes over a statement that was checked and signed under `key`, in every charter whose policy names that key.
    package mutating func take(_ statement: PublishedRoster, of name: RosterName, signedBy key: PublicKey) {
        for index in charters.indices { charters[index].policy.take(statement, of: name, signedBy: key) }
    }
}
