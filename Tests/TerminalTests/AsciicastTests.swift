// SPDX-License-Identifier: Apache-2.0
import Foundation
import Posix
@testable import Terminal
import Testing

struct AsciicastTests {
    private func header() -> [UInt8] {
        AsciicastWriter().header(
            WindowSize(columns: 80, rows: 24), timestamp: 1_700_000_000, title: "a \"title\"\n", term: "xterm",
            shell: "/bin/sh")
    }

    /// The events of a recording of these outputs, read back.
    private func roundTrip(_ pieces: [[UInt8]]) throws -> [AsciicastEvent] {
        var writer = AsciicastWriter()
        var bytes = header()
        for (index, piece) in pieces.enumerated() { bytes += writer.output(piece, at: .milliseconds(index)) }
        bytes += writer.finish(at: .milliseconds(pieces.count))
        var reader = AsciicastReader()
        let items = try reader.feed(bytes)
        #expect(reader.finish() == .complete)
        return items.compactMap { if case .event(let event) = $0 { event } else { nil } }
    }

    /// The exact bytes that a recording holds: an event x tells them for the one before it.
    private func exactBytes(_ events: [AsciicastEvent]) -> [UInt8] {
        var pieces: [[UInt8]] = []
        for event in events {
            switch event.kind {
            case .output(let text): pieces.append(text)
            case .exact(let bytes): pieces[pieces.count - 1] = bytes
            default: break
            }
        }
        return pieces.flatMap { $0 }
    }

    @Test func `the lines are those of the format`() {
        var writer = AsciicastWriter()
        var text = header()
        text += writer.output(Array("\u{1b}[1mé\"\\\r\n\u{7f}".utf8), at: .milliseconds(12_000) + .microseconds(345))
        text += writer.input([3], at: .seconds(13))
        text += writer.resize(WindowSize(columns: 100, rows: 50), at: .seconds(12))
        text += writer.marker("here", at: .seconds(14))
        #expect(
            String(decoding: text, as: UTF8.self) == """
                {"version":2,"width":80,"height":24,"timestamp":1700000000,"title":"a \\"title\\"\\n",\
                "env":{"TERM":"xterm","SHELL":"/bin/sh"}}
                [12.000345, "o", "\\u001b[1mé\\"\\\\\\r\\n\u{7f}"]
                [13.000000, "i", "\\u0003"]
                [13.000000, "r", "100x50"]
                [14.000000, "m", "here"]

                """)
    }

    @Test func `every line is JSON to another reader`() throws {
        var writer = AsciicastWriter()
        let everyByte = (0...255).map { UInt8($0) }
        let lines = (header() + writer.output(everyByte, at: .zero)).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 3)
        for line in lines { _ = try JSONSerialization.jsonObject(with: Data(line)) }
    }

    @Test func `a character cut between two calls is one character of the recording`() throws {
        let text = Array("a☃é🎉z".utf8)
        for cut in 0...text.count {
            let events = try roundTrip([Array(text[..<cut]), Array(text[cut...])])
            #expect(exactBytes(events) == text)
            #expect(events.allSatisfy { if case .output = $0.kind { true } else { false } })
        }
        #expect(exactBytes(try roundTrip(text.map { [$0] })) == text)
    }

    @Test(
        arguments: [
            [0xFF], [0x80], [0xC3], [0xE2, 0x98], [0xF0, 0x9F, 0x8E], [0xC0, 0x80], [0xED, 0xA0, 0x80],
            [0x41, 0xE2, 0x41],
            [0xF5, 0x80, 0x80, 0x80], [0xC3, 0xC3, 0xA9],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are kept exactly`(bytes: [UInt8]) throws {
        let events = try roundTrip([bytes])
        #expect(exactBytes(events) == bytes)
        #expect(events.contains { if case .exact = $0.kind { true } else { false } })
        #expect(exactBytes(try roundTrip(bytes.map { [$0] })) == bytes)
    }

    @Test func `random bytes in random pieces come back exactly`() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let pieces = (0..<10).map { _ in
                (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                    Bool.random(using: &generator) ? UInt8.random(in: 0...127) : UInt8.random(in: 0x80...0xFF)
                }
            }
            #expect(exactBytes(try roundTrip(pieces)) == pieces.flatMap { $0 })
        }
    }

    @Test func `a header says what it says and skips what we do not know`() throws {
        var reader = AsciicastReader()
        let line =
            #"{"version": 2, "width": 1, "height": 65535, "idle_time_limit": 2.5, "theme": {"a": [null, true]}, "title": "\ud83c\udf89\/"}"#
        let expected = AsciicastHeader(size: WindowSize(columns: 1, rows: 65535), title: "🎉/", environment: [:])
        #expect(try reader.feed(Array((line + "\r\n").utf8)) == [.header(expected)])
    }

    @Test(arguments: [
        ("{\"version\":3,\"width\":1,\"height\":1}", "recording.wrong-version"), ("[]", "recording.wrong-shape"),
        ("{\"version\":2,\"width\":70000,\"height\":1}", "recording.wrong-shape"), ("", "recording.not-json"),
        ("{\"version\":2,\"version\":2}", "recording.not-json"), ("{\"version\":2} x", "recording.not-json"),
        ("{\"version\":2,\"title\":\"\\ud800\"}", "recording.not-json"), ("{\"version\":1e9}", "recording.not-json"),
        (String(repeating: "[", count: 100_000), "recording.not-json"), ("\u{feff}{}", "recording.not-json"),
    ])
    func `a header that is not one is refused`(line: String, code: String) {
        var reader = AsciicastReader()
        let error = #expect(throws: AsciicastError.self) { try reader.feed(Array((line + "\n").utf8)) }
        #expect(error?.code == code && error?.line == 1)
    }

    @Test(arguments: [
        "[1]", "[\"1\",\"o\",\"\"]", "[-1,\"o\",\"\"]", "[1,\"r\",\"80\"]", "[1,\"r\",\"+8x2\"]",
        "[1,\"r\",\"80x70000\"]",
        "[1,\"x\",\"AA=\"]", "[1,\"x\",\"AB==\"]", "[1,\"x\",\"====\"]", "[1,\"o\",\"\u{1}\"]", "[1,\"o\",\"\\x\"]",
        "[1.,\"o\",\"\"]", "[9999999999999999999,\"o\",\"\"]", "nul", "[1,\"o\",\"",
    ])
    func `a line that is not an event is refused and named`(line: String) throws {
        var reader = AsciicastReader()
        _ = try reader.feed(header())
        let error = #expect(throws: AsciicastError.self) { try reader.feed(Array((line + "\n").utf8)) }
        #expect(error?.line == 2)
    }

    @Test func `a cut last line is reported and everything before it is read`() throws {
        var writer = AsciicastWriter()
        let whole = header() + writer.output([65], at: .zero)
        let last = writer.output([66], at: .seconds(1))
        for length in 1..<last.count {
            var reader = AsciicastReader()
            #expect(try reader.feed(whole + last.prefix(length)).count == 2)
            #expect(reader.finish() == .truncated(bytes: length))
        }
    }

    @Test func `a line of the limit is read and one byte more is refused, whole or not`() throws {
        let line = "[0,\"o\",\"12345\"]"
        let start = Array("{\"version\":2,\"width\":1,\"height\":1}\n".utf8)
        for (limit, isAccepted) in [(34, true), (33, false)] {
            var reader = AsciicastReader(maximumLine: limit)
            if isAccepted {
                #expect(try reader.feed(start + Array(line.utf8)).count == 1)
            } else {
                #expect(throws: AsciicastError.self) { try reader.feed(start) }
            }
        }
        var reader = AsciicastReader(maximumLine: 100)
        #expect(throws: AsciicastError.self) { try reader.feed([UInt8](repeating: 65, count: 101)) }
    }

    @Test func `pieces of any size give the same events`() throws {
        var writer = AsciicastWriter()
        let bytes = header() + writer.output(Array("héllo".utf8), at: .microseconds(1_500_001))
        var byteByByte = AsciicastReader()
        var whole = AsciicastReader()
        let items = try bytes.flatMap { try byteByByte.feed([$0]) }
        #expect(items == (try whole.feed(bytes)))
        #expect(
            items.last == .event(AsciicastEvent(time: .microseconds(1_500_001), kind: .output(Array("héllo".utf8)))))
    }
}

/// What is written many bytes at a time, at the borders of each step.
extension AsciicastTests {
    @Test func `every byte at every place of a word is recorded as itself`() throws {
        for length in [1, 7, 8, 9, 15, 16, 17, 24] {
            for place in 0..<length {
                for byte in UInt8.min...UInt8.max {
                    var piece = [UInt8](repeating: UInt8(ascii: "a"), count: length)
                    piece[place] = byte
                    var line = JSONLine(capacity: 1)
                    let isExact = line.append(quoting: piece)
                    let text = String(decoding: piece, as: UTF8.self)
                    guard try JSONSerialization.jsonObject(with: Data(line.bytes), options: .fragmentsAllowed) as? String == text,
                        isExact == (byte < 0x80)
                    else {
                        Issue.record("byte \(byte) at \(place) of \(length): \(line.bytes)")
                        return
                    }
                }
            }
        }
    }

    @Test func `characters of several bytes and escapes stand at every place of a word`() throws {
        for place in 0..<20 {
            let text = String(repeating: "x", count: place) + "é☃🎉\\\"\u{1}\u{1f}\n" + String(repeating: "y", count: 20 - place)
            var line = JSONLine()
            let isExact = line.append(quoting: Array(text.utf8))
            let written = line.bytes
            #expect(isExact)
            #expect(try JSONSerialization.jsonObject(with: Data(written), options: .fragmentsAllowed) as? String == text)
        }
    }

    @Test func `the worst of all pieces fits where it is written`() {
        for length in [0, 1, 8, 63, 4096] {
            for byte in [UInt8(1), 0xFF] {
                var line = JSONLine(capacity: 1)
                line.append(quoting: [UInt8](repeating: byte, count: length))
                let written = line.bytes.count
                #expect(written == (byte == 1 ? 6 : 3) * length + 2)
            }
        }
    }

    @Test func `base64 of every length is that of another writer, and is read back`() {
        var generator = SystemRandomNumberGenerator()
        for length in Array(0...70) + [1023, 1024, 1025, 65_535, 65_536] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Base64.encode(bytes)
            #expect(text == Array(Data(bytes).base64EncodedString().utf8))
            #expect(Base64.decode(text) == bytes)
        }
    }

    @Test func `what is no text comes back from a cut at any place, and lines follow each other in used memory`() throws {
        let bytes = (0..<400).map { UInt8(truncatingIfNeeded: $0 &* 37 ^ ($0 >> 3)) }
        for cut in 0...bytes.count {
            var writer = AsciicastWriter()
            var lines = JSONLine(capacity: 1)
            var all = header()
            for piece in [bytes[..<cut], bytes[cut...]] {
                Array(piece).withUnsafeBytes { writer.data($0, at: .zero, to: &lines) }
                all += lines.bytes
                lines.removeAll()
            }
            all += writer.finish(at: .zero)
            var reader = AsciicastReader()
            let events = try reader.feed(all).compactMap { if case .event(let event) = $0 { event } else { nil } }
            #expect(exactBytes(events) == bytes, "cut at \(cut)")
        }
    }

    @Test func `who does not want some events is given all others, whatever the pieces`() throws {
        var writer = AsciicastWriter()
        var bytes = header()
        bytes += writer.data((0..<100).map { UInt8($0 &* 41 & 0xFF) }, at: .zero)
        bytes += writer.input(Array("typed \"x\"".utf8), at: .zero)
        bytes += writer.output(Array("[1, \"x\", shown".utf8), at: .zero)
        bytes += writer.position([1, 2, 3], at: .zero)
        bytes += writer.marker("x", at: .zero)
        bytes += Array("[1,\"xx\",\"\"]\n".utf8)
        var all = AsciicastReader()
        let wanted = try all.feed(bytes).filter { item in
            guard case .event(let event) = item else { return true }
            switch event.kind {
            case .exact, .input, .other("p", _): return false
            case .output, .resize, .marker, .other: return true
            }
        }
        #expect(wanted.count == 5)
        for size in [1, 2, 3, 7, 64, bytes.count] {
            var reader = AsciicastReader(skipping: "xip")
            var items: [AsciicastReader.Item] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                items += try reader.feed(Array(bytes[start..<min(bytes.count, start + size)]))
            }
            #expect(items == wanted, "in pieces of \(size)")
        }
        // A long line is refused, wanted or not, and a header is never passed over.
        var short = AsciicastReader(maximumLine: 90, skipping: "x")
        _ = try short.feed(Array("{\"version\":2,\"width\":1,\"height\":1}\n".utf8))
        #expect(throws: AsciicastError.self) { try short.feed(Array(("[0,\"x\",\"" + String(repeating: "A", count: 100) + "\"]\n").utf8)) }
        var first = AsciicastReader(skipping: "x")
        #expect(throws: AsciicastError.self) { try first.feed(Array("[0,\"x\",\"\"]\n".utf8)) }
    }
}
