// SPDX-License-Identifier: Apache-2.0
// SECURITY: what was made on this node for one grant. It is on disk before anything is made, so that whatever crashes,
// the next look removes it.

import Access
import Evidence
import Posix
import StrictJSON

/// An account or a right that a grant brought to this node, and that goes with it.
struct Provision: Equatable {
    let request: Digest
    let grant: GrantID
    let user: RunAsName
    /// `nil`: the account was there before.
    let account: SessionSettings.Account?
    let sudo: [String]?
    /// As the drop-in for sudo says it.
    let notAfter: Timestamp
    /// The number of the account, from when its removal began: what a removal that was interrupted has left is found by it.
    var leaving: UInt32?

    /// Where sudo reads rules (sudoers(5), `@includedir`); a name with a dot would not be read.
    var sudoersPath: String { "/etc/sudoers.d/stint-\(grant)" }

    /// Harmless if nobody ever removes it: sudo itself knows the end.
    var sudoers: String {
        """
        # Made by stint-agent for grant \(grant), and removed with it. sudo ignores it after the time given here.
        \(user.text) ALL=(ALL:ALL) NOTAFTER=\(Self.generalizedTime(notAfter)) NOPASSWD: \((sudo ?? []).joined(separator: ", "))

        """
    }

    /// `20261121065000Z`, from RFC 3339.
    private static func generalizedTime(_ time: Timestamp) -> String {
        let digits = time.description.utf8.prefix(19).filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return String(decoding: digits, as: UTF8.self) + "Z"
    }

    var json: JSONValue {
        var settings = SessionSettings()
        settings.account = account
        settings.sudo = sudo
        var object: JSONObject = [
            "request": .string(request.hex), "grant": .string(grant.description), "user": .string(user.text),
            "notAfter": .integer(notAfter.milliseconds), "settings": settings.json,
        ]
        if let leaving { object["leaving"] = .integer(Int64(leaving)) }
        return .object(object)
    }

    init(request: Digest, grant: GrantID, user: RunAsName, account: SessionSettings.Account?, sudo: [String]?, notAfter: Timestamp) {
        self.request = request
        self.grant = grant
        self.user = user
        self.account = account
        self.sudo = sudo
        self.notAfter = notAfter
    }

    init(_ value: JSONValue) throws {
        var reader = try ObjectReader(value)
        guard let request = Digest(hex: try reader.string("request", maximum: 64)) else { throw EvidenceError.fieldMalformed("request") }
        self.request = request
        grant = try GrantID(try reader.string("grant", maximum: 16))
        user = try RunAsName(user: try reader.string("user", maximum: 63))
        notAfter = Timestamp(milliseconds: try reader.integer("notAfter", in: Timestamp.validRange))
        leaving = try reader.optionalInteger("leaving", in: 1...Int64(UInt32.max)).map { UInt32($0) }
        var inner = try ObjectReader(try reader.value("settings"))
        let settings = try SessionSettings(&inner)
        try inner.finish()
        account = settings.account
        sudo = settings.sudo
        try reader.finish()
    }
}
