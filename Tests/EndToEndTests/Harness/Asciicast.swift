// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A recording as a stock player reads it (asciicast version 2), independent of our own reader.
struct Asciicast {
    let width: Int
    let height: Int
    let output: String
    let times: [Double]

    init(_ text: String) throws {
        let lines = try text.split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) }
        guard let header = lines.first as? [String: Any], header["version"] as? Int == 2,
            let width = header["width"] as? Int, let height = header["height"] as? Int
        else { throw HarnessError("the recording has no header of version 2") }
        let events = try lines.dropFirst().map { line in
            guard let event = line as? [Any], event.count == 3, let time = event[0] as? Double,
                let kind = event[1] as? String, let data = event[2] as? String
            else { throw HarnessError("`\(line)` is not an event") }
            return (time: time, kind: kind, data: data)
        }
        self.width = width
        self.height = height
        output = events.filter { $0.kind == "o" }.map(\.data).joined()
        times = events.map(\.time)
    }
}
