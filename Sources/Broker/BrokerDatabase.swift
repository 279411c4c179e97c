// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Storage

/// Opening the broker's database.
enum BrokerDatabase {
    static func create(_ home: BrokerHome) throws { try Writer(path: home.database, migrator: Schema.migrator).stop() }

    static func isUnfounded(_ home: BrokerHome) throws -> Bool {
        try Connection(path: home.database, mode: .readOnly).roll(after: 0, limit: 1).isEmpty
    }

    /// Reads the whole roll and verifies it.
    static func roll(_ connection: Connection) throws -> (roll: Roll, entries: [SignedText]) {
        var roll = Roll()
        var all: [SignedText] = []
        while true {
            let entries = try connection.roll(after: roll.number, limit: 1000)
            guard !entries.isEmpty else { return (roll, all) }
            for entry in entries { try roll.append(entry) }
            all += entries
        }
    }
}
