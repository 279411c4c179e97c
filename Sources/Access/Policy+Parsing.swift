// SPDX-License-Identifier: Apache-2.0
// SECURITY: a policy is read strictly. A key that is not known, a value of another kind, or a rule that could never work
// makes the whole text invalid; nothing is skipped (P6).

import StrictJSON

extension Policy {
    package static let maximumLength = 128 * 1024
    package static let maximumEntitlements = 1000

    /// Reads the text of a policy.
    ///
    /// - Parameter file: named in errors.
    /// - Throws: ``PolicyError`` with the place and, for an unknown key, the nearest known one.
    package init(parsing text: String, file: String) throws(PolicyError) {
        let document: JSON5Document
        do throws(ConfigurationError) {
            document = try JSON5Document(
                parsing: Array(text.utf8), file: file, limits: JSONLimits(bytes: Self.maximumLength))
        } catch {
            throw PolicyError(message: error.message, hint: error.hint)
        }
        do {
            var reader = try ObjectReader(document.value)
            var entitlements: [Entitlement] = []
            for (index, item) in try reader.array("entitlements", maximum: Self.maximumEntitlements).enumerated() {
                entitlements.append(try Self.entitlement(try ObjectReader(item, path: "entitlements[\(index)]")))
            }
            try reader.finish()
            self.init(entitlements: entitlements)
            try checkNames()
        } catch let error as PolicyError {
            throw error
        } catch let error as JSONError {
            let located = document.locate(error)
            throw PolicyError(message: located.message, hint: located.hint)
        } catch let error as any Explainable {
            throw PolicyError(message: "\(file): \(error.message)", hint: error.hint)
        } catch {
            throw PolicyError(message: "\(file): \(error)")
        }
    }

    private func checkNames() throws(PolicyError) {
        guard !entitlements.isEmpty else { throw PolicyError(message: "The policy has no entitlement.") }
        var seen: Set<EntitlementName> = []
        for entitlement in entitlements where !seen.insert(entitlement.name).inserted {
            throw PolicyError(message: "Two entitlements are named `\(entitlement.name)`.", hint: "Rename one of them.")
        }
    }

    private static func entitlement(_ given: ObjectReader) throws -> Entitlement {
        var reader = given
        var entitlement = Entitlement(
            name: try EntitlementName(try reader.string("name")),
            requesters: try reader.strings("requesters", maximum: 64).map { try Principal($0) },
            nodes: try Selector(try reader.string("nodes")),
            capabilities: Set(try reader.strings("capabilities", maximum: 8).map { try Capability($0) }),
            runAs: try reader.strings("runAs", maximum: 64).map { try RunAsName(user: $0) },
            seats: try reader.array("seats", maximum: 16).enumerated().map { index, item in
                try seat(try ObjectReader(item, path: given.path + ".seats[\(index)]"))
            })
        entitlement.maximumDuration = try duration(&reader, "maximumDuration", in: 60...86_400) ?? entitlement.maximumDuration
        entitlement.sessionMaximum = try duration(&reader, "sessionMaximum", in: 60...86_400) ?? entitlement.sessionMaximum
        entitlement.idleLimit = try duration(&reader, "idleLimit", in: 60...3600) ?? entitlement.idleLimit
        entitlement.pendingFor = try duration(&reader, "pendingFor", in: 60...604_800) ?? entitlement.pendingFor
        entitlement.activateWithin = try duration(&reader, "activateWithin", in: 60...604_800) ?? entitlement.activateWithin
        entitlement.lease = try duration(&reader, "lease", in: 30...3600) ?? entitlement.lease
        entitlement.detachedFor = try duration(&reader, "detachedFor", in: 1...3600) ?? entitlement.detachedFor
        if let number = try reader.optionalInteger("minimumReasonLength", in: 1...Int64(HumanText.maximumLength)) {
            entitlement.minimumReasonLength = Int(number)
        }
        if let number = try reader.optionalInteger("denyThreshold", in: 1...16) { entitlement.denyThreshold = Int(number) }
        entitlement.idleCounts = try choice(&reader, "idleCounts") ?? entitlement.idleCounts
        entitlement.withoutBroker = try choice(&reader, "withoutBroker") ?? entitlement.withoutBroker
        entitlement.recording = try choice(&reader, "recording") ?? entitlement.recording
        try reader.finish()
        try check(entitlement)
        return entitlement
    }

    private static func seat(_ given: ObjectReader) throws -> Seat {
        var reader = given
        let count = try reader.integer("count", in: 1...16)
        let seat = Seat(count: Int(count), of: try reader.strings("of", maximum: 64).map { try Principal($0) })
        try reader.finish()
        guard !seat.of.isEmpty else { throw PolicyError(message: "\(given.path): nobody can fill a seat of nobody.") }
        return seat
    }

    private static func duration(_ reader: inout ObjectReader, _ key: String, in range: ClosedRange<Int64>) throws -> Duration? {
        guard let text = try reader.optionalString(key, maximum: 32) else { return nil }
        let duration = try DurationText.parse(text)
        guard range.contains(duration.wholeSeconds) else {
            let limits = [range.lowerBound, range.upperBound].map { DurationText.format(.seconds($0)) }
            throw PolicyError(message: "\(reader.path).\(key): `\(text)` is not between \(limits[0]) and \(limits[1]).")
        }
        return duration
    }

    private static func choice<Choice: RawRepresentable & CaseIterable>(_ reader: inout ObjectReader, _ key: String) throws
        -> Choice? where Choice.RawValue == String
    {
        guard let text = try reader.optionalString(key, maximum: 64) else { return nil }
        guard let value = Choice(rawValue: text) else {
            throw PolicyError(
                message: "\(reader.path).\(key): `\(text)` is not possible.",
                hint: "Write one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return value
    }

    private static func check(_ entitlement: Entitlement) throws(PolicyError) {
        let place = "Entitlement `\(entitlement.name)`"
        guard !entitlement.requesters.isEmpty else { throw PolicyError(message: "\(place) is for nobody: `requesters` is empty.") }
        guard !entitlement.capabilities.isEmpty else { throw PolicyError(message: "\(place) allows nothing: `capabilities` is empty.") }
        guard !entitlement.runAs.isEmpty else { throw PolicyError(message: "\(place) names no run-as user.") }
        guard entitlement.seatCount >= 1 else {
            throw PolicyError(
                message: "\(place) demands no approval: `seats` is empty.",
                hint: "Every grant needs a second person; name at least one seat.")
        }
    }
}
