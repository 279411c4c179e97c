// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The first line of a recording. Members that we do not know are skipped: other programs write more of them.
package struct AsciicastHeader: Equatable, Sendable {
    package var size: WindowSize
    /// Seconds since 1970 UTC, where the recording says it.
    package var timestamp: Int64?
    package var title: String?
    package var environment: [String: String]
}

/// A line of a recording after the first.
package struct AsciicastEvent: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case output([UInt8])
        case input([UInt8])
        case resize(WindowSize)
        case marker(String)
        /// The bytes of the event before as they were, because they are not UTF-8. See ``AsciicastWriter``.
        case exact([UInt8])
        /// A code of another program.
        case other(code: String, text: [UInt8])
    }

    /// Since the start of the recording.
    package var time: Duration
    package var kind: Kind
}

/// Why a recording cannot be read on.
package struct AsciicastError: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case lineTooLong(limit: Int)
        case notJSON
        case wrongShape(String)
        case wrongVersion(Int64)
    }

    /// From 1.
    package let line: Int
    package let reason: Reason

    package var code: String {
        switch reason {
        case .lineTooLong: "recording.line-too-long"
        case .notJSON: "recording.not-json"
        case .wrongShape: "recording.wrong-shape"
        case .wrongVersion: "recording.wrong-version"
        }
    }

    package var message: String {
        switch reason {
        case .lineTooLong(let limit): "Line \(line) of the recording has more than \(limit) bytes."
        case .notJSON: "Line \(line) of the recording is not JSON."
        case .wrongShape(let what): "Line \(line) of the recording is not as asciicast v2 wants it: \(what)."
        case .wrongVersion(let version): "The recording is of version \(version), and we read version 2."
        }
    }

    package var hint: String? {
        switch reason {
        case .wrongVersion: "Convert it first: asciinema convert --output-format asciicast-v2"
        case .lineTooLong, .notJSON, .wrongShape: nil
        }
    }
}

/// Reads a recording piece by piece. Memory is bounded by the longest line.
package struct AsciicastReader: Sendable {
    package enum Item: Equatable, Sendable {
        case header(AsciicastHeader)
        case event(AsciicastEvent)
    }

    package enum Ending: Equatable, Sendable {
        case complete
        /// The last line has no end: the writer was cut off. So many bytes were left out.
        case truncated(bytes: Int)
    }

    private let maximumLine: Int
    private let skipped: [UInt8]
    private var partial: [UInt8] = []
    private var line = 0

    /// - Parameters:
    ///   - maximumLine: bytes without the newline. A frame of 64 KiB takes at most six times as much.
    ///   - skipped: codes of one character whose events are not looked at and not given.
    package init(maximumLine: Int = 1 << 20, skipping skipped: String = "") {
        self.maximumLine = maximumLine
        self.skipped = Array(skipped.utf8)
    }

    /// Takes the next bytes and gives what is whole.
    package mutating func feed(_ bytes: [UInt8]) throws(AsciicastError) -> [Item] {
        var items: [Item] = []
        var rest = bytes[...]
        while let newline = Self.newline(in: rest) {
            line += 1
            if !partial.isEmpty || !skips(rest[..<newline]) {
                partial += rest[..<newline]
                try checkLength(line)
                if !skips(partial[...]), let item = try parse(partial) { items.append(item) }
                partial.removeAll(keepingCapacity: true)
            }
            rest = rest[(newline + 1)...]
        }
        partial += rest
        try checkLength(line + 1)
        return items
    }

    private static func newline(in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress, let found = memchr(base, Int32(UInt8(ascii: "\n")), buffer.count) else { return nil }
            return bytes.startIndex + (UnsafeRawPointer(found) - UnsafeRawPointer(base))
        }
    }

    /// Whether a line is an event that is not wanted: `[TIME, "CODE", ` and so on.
    private func skips(_ text: ArraySlice<UInt8>) -> Bool {
        guard !skipped.isEmpty, line > 1, text.first == UInt8(ascii: "["), text.count <= maximumLine else { return false }
        let parts = text.prefix(64).split(separator: UInt8(ascii: "\""), maxSplits: 2, omittingEmptySubsequences: false)
        return parts.count == 3 && parts[1].count == 1 && skipped.contains(parts[1].first ?? 0)
    }

    /// Tells how the recording ended.
    package func finish() -> Ending { partial.isEmpty ? .complete : .truncated(bytes: partial.count) }

    private func checkLength(_ line: Int) throws(AsciicastError) {
        guard partial.count <= maximumLine else {
            throw AsciicastError(line: line, reason: .lineTooLong(limit: maximumLine))
        }
    }

    private func parse(_ text: [UInt8]) throws(AsciicastError) -> Item? {
        if text.isEmpty, line > 1 { return nil }
        guard let value = RecordingJSON.parse(text) else { throw AsciicastError(line: line, reason: .notJSON) }
        return line == 1 ? .header(try header(value)) : .event(try event(value))
    }

    private func header(_ value: RecordingJSON) throws(AsciicastError) -> AsciicastHeader {
        guard case .object(let members) = value else { throw wrong("the header is not an object") }
        guard case .number(let version, 0) = members["version"] else { throw wrong("the header has no version") }
        guard version == 2 else { throw AsciicastError(line: line, reason: .wrongVersion(version)) }
        guard case .number(let width, _) = members["width"], case .number(let height, _) = members["height"],
            let columns = UInt16(exactly: width), let rows = UInt16(exactly: height)
        else { throw wrong("the header has no size") }
        var header = AsciicastHeader(size: WindowSize(columns: columns, rows: rows), environment: [:])
        if case .number(let timestamp, _) = members["timestamp"] { header.timestamp = timestamp }
        if case .string(let title) = members["title"] { header.title = String(decoding: title, as: UTF8.self) }
        if case .object(let environment) = members["env"] {
            for case (let name, .string(let value)) in environment {
                header.environment[name] = String(decoding: value, as: UTF8.self)
            }
        }
        return header
    }

    private func event(_ value: RecordingJSON) throws(AsciicastError) -> AsciicastEvent {
        guard case .array(let parts) = value, parts.count == 3, case .number(let seconds, let nanoseconds) = parts[0],
            case .string(let code) = parts[1], case .string(let text) = parts[2], seconds >= 0
        else { throw wrong("an event is not [seconds, code, text]") }
        let time = Duration.seconds(seconds) + .nanoseconds(nanoseconds)
        return AsciicastEvent(time: time, kind: try kind(String(decoding: code, as: UTF8.self), text))
    }

    private func kind(_ code: String, _ text: [UInt8]) throws(AsciicastError) -> AsciicastEvent.Kind {
        switch code {
        case "o": return .output(text)
        case "i": return .input(text)
        case "m": return .marker(String(decoding: text, as: UTF8.self))
        case "r":
            let sizes = text.split(separator: UInt8(ascii: "x"), omittingEmptySubsequences: false).map(Self.digits)
            guard sizes.count == 2, let columns = sizes[0], let rows = sizes[1] else {
                throw wrong("a size is not WxH")
            }
            return .resize(WindowSize(columns: columns, rows: rows))
        case "x":
            guard let bytes = Base64.decode(text) else { throw wrong("an event x is not base64") }
            return .exact(bytes)
        default: return .other(code: code, text: text)
        }
    }

    private static func digits(_ text: ArraySlice<UInt8>) -> UInt16? {
        // `UInt16.init` would take a sign.
        guard (1...5).contains(text.count), text.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt16(String(decoding: text, as: UTF8.self))
    }

    private func wrong(_ what: String) -> AsciicastError { AsciicastError(line: line, reason: .wrongShape(what)) }
}
