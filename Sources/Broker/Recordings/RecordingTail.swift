// SPDX-License-Identifier: Apache-2.0

import Posix
import Protocol
import Terminal

/// The end of a live session's recording: what a person who begins to look on sees first.
struct RecordingTail {
    private(set) var size: WindowSize?
    private(set) var output: [UInt8] = []

    private static let read: Int64 = 128 * 1024
    private static let shown = 32 * 1024

    init(of path: String) throws {
        let file = try SealedFile(path)
        var reader = AsciicastReader()
        take(try reader.feed(try file.header()))
        let start = max(0, file.size - Self.read)
        var bytes = try file.read(from: start, maximum: Int(Self.read))[...]
        // The first line is the header, or not whole.
        bytes = bytes.firstIndex(of: UInt8(ascii: "\n")).map { bytes[($0 + 1)...] } ?? []
        take(try reader.feed(Array(bytes)))
        output = Array(output.suffix(Self.shown))
    }

    private mutating func take(_ items: [AsciicastReader.Item]) {
        for item in items {
            switch item {
            case .header(let header): size = header.size
            case .event(let event):
                switch event.kind {
                case .output(let bytes): output += bytes
                case .resize(let changed): size = changed
                case .input, .marker, .exact, .other: break
                }
            }
        }
    }
}
