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

    /// The whole roll as it is stored, for whoever verifies it.
    static func entries(_ connection: Connection) throws -> [SignedText] {
        var all: [SignedText] = []
        while true {
            let entries = try connection.roll(after: Int64(all.count), limit: 1000)
            guard !entries.isEmpty else { return all }
            all += entries
        }
    }
}
