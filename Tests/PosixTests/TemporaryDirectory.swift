// SPDX-License-Identifier: Apache-2.0
import Posix
import Testing

/// A directory of one test, removed with all that is in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = "/tmp/stint-posix-" + Random.hexadecimal(bytes: 8)
        try DurableFile.makeDirectory(path)
    }

    deinit {
        // A left-over in /tmp fails no test.
        try? DurableFile.removeDirectory(path)
    }

    func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// Runs a shell command to its end and gives what it wrote.
func output(of command: String, environment: [(name: String, value: String)] = [("PATH", "/usr/bin:/bin")]) throws
    -> String
{
    let pipe = try Pipe()
    var request = SpawnRequest("/bin/sh", ["sh", "-c", command], environment: environment)
    request.descriptors = [.null, .descriptor(pipe.writer.number), .descriptor(pipe.writer.number)]
    let child = try request.start()
    let reader = try pipe.reader.duplicate()
    pipe.take { reader, writer in
        _ = consume reader
        _ = consume writer
    }
    let bytes = try reader.readToEnd(maximum: 1 << 20)
    _ = try child.wait()
    return String(decoding: bytes, as: UTF8.self)
}

/// The code of the refusal, or what went through.
func refusal(_ body: () throws(SystemError) -> Void) -> String {
    do {
        try body()
        return "accepted"
    } catch {
        return error.code
    }
}
