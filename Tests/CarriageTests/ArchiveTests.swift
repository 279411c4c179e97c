// SPDX-License-Identifier: Apache-2.0

import Foundation
import Posix
import Testing

@testable import Carriage

/// A folder that goes when the test is over.
private final class Folder {
    let path: String

    init() throws {
        Signals.ignoreBrokenPipe()  // as both programs do
        path = "/tmp/stint-archive-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path + "/there", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: path + "/here", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
        return "\(path)/\(name)"
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
    func names(_ name: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(name)").sorted() }

    /// Sends `paths`, sealed, into `target`.
    func copy(_ paths: [String], to target: String) throws {
        let (reading, writing) = try Pipe().release()
        let reader = OwnedDescriptor(owning: reading)
        let sender = try ArchiveSender(paths)
        try Posix.Thread.start("sender") {
            let writer = OwnedDescriptor(owning: writing)
            try? sender.runSealed(to: writer.number)
        }
        try ArchiveReceiver(into: target).receive(from: reader.number)
    }

    /// Unpacks bytes that tar(1) made with `arguments`, as the client does.
    func unpack(_ arguments: [String], expecting names: Set<String>) throws {
        let archive = path + "/archive.tar"
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/tar")
        tar.arguments = ["--create", "--file=" + archive] + arguments
        tar.standardError = FileHandle.nullDevice
        try tar.run()
        tar.waitUntilExit()
        let receiver = try ArchiveReceiver(into: path + "/there", expected: names)
        let child = try receiver.unpack(from: OwnedDescriptor(owning: open(archive, O_RDONLY | O_CLOEXEC)))
        _ = try child.wait()
        try receiver.place()
    }
}

@Suite struct ArchiveTests {
    @Test func `files and folders arrive under their names, links as what they lead to`() throws {
        let folder = try Folder()
        let file = try folder.write("here/-a file", "one")
        try FileManager.default.createDirectory(atPath: folder.path + "/here/tree/deep", withIntermediateDirectories: true)
        _ = try folder.write("here/tree/deep/x", "two")
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/here/tree/link", withDestinationPath: file)
        try folder.copy([file, folder.path + "/here/tree//"], to: folder.path + "/there")
        #expect(try folder.names("there") == ["-a file", "tree"])
        #expect(try folder.text("there/-a file") == "one" && folder.text("there/tree/deep/x") == "two" && folder.text("there/tree/link") == "one")
        #expect(try FileManager.default.attributesOfItem(atPath: folder.path + "/there/tree/link")[.type] as? FileAttributeType == .typeRegular)
    }

    @Test func `a file takes the name that was given, and replaces the one that is there`() throws {
        let folder = try Folder()
        let file = try folder.write("here/new", "new")
        _ = try folder.write("there/old", "old")
        try folder.copy([file], to: folder.path + "/there/old")
        #expect(try folder.text("there/old") == "new" && folder.names("there") == ["old"])
    }

    @Test func `what stands in the way is told, and nothing is moved or left`() throws {
        let folder = try Folder()
        let (one, two) = (try folder.write("here/one", "1"), try folder.write("here/two", "2"))
        try FileManager.default.createDirectory(atPath: folder.path + "/there/one", withIntermediateDirectories: true)
        func code(_ paths: [String], _ target: String) -> String? {
            (#expect(throws: CarriageError.self) { try folder.copy(paths, to: target) })?.code
        }
        #expect(code([two, one], folder.path + "/there") == "copy.folder-in-the-way")
        #expect(code([one, two], folder.path + "/there/both") == "copy.needs-folder")
        #expect(code([one], folder.path + "/nowhere/one") == "copy.no-such-folder")
        #expect(code([one], folder.path + "/nowhere/") == "copy.no-such-folder")
        #expect(code([folder.path + "/here/none"], folder.path + "/there") == "copy.not-whole")
        #expect(code([two, folder.path + "/here/none"], folder.path + "/there") == "copy.not-whole")
        #expect(try folder.names("there") == ["one"] && folder.names("there/one").isEmpty)
    }

    @Test func `an archive that is cut off anywhere puts nothing in place`() throws {
        let folder = try Folder()
        let file = try folder.write("here/file", String(repeating: "x", count: 5_000))
        let (reading, writing) = try Pipe().release()
        try ArchiveSender([file]).runSealed(to: writing)
        close(writing)
        let whole = try Transfer.read(reading, maximum: 1 << 20)
        close(reading)
        #expect(whole.last == ArchiveSender.whole)
        for count in [0, 1, 511, 512, 513, 4_000, 6_000, whole.count - 2, whole.count - 1] {
            let (input, feed) = try Pipe().release()
            try Transfer.writeAll(feed, Array(whole.prefix(count)))
            close(feed)
            #expect(throws: CarriageError.self) { try ArchiveReceiver(into: folder.path + "/there").receive(from: input) }
            close(input)
            #expect(try folder.names("there").isEmpty, "\(count) bytes")
        }
    }

    @Test func `what was not asked for is not put in place`() throws {
        let folder = try Folder()
        _ = try folder.write("here/asked", "1")
        _ = try folder.write("here/.bashrc", "evil")
        let start = ["--directory=" + folder.path + "/here"]
        try folder.unpack(start + ["asked"], expecting: ["asked"])
        #expect(try folder.names("there") == ["asked"])
        for arguments in [start + ["asked", ".bashrc"], start + [".bashrc"]] {
            let error = #expect(throws: CarriageError.self) { try folder.unpack(arguments, expecting: ["asked"]) }
            #expect(error?.code == "copy.not-asked-for")
        }
        // tar(1) keeps what climbs or is absolute inside of the workshop; there it is foreign.
        for name in ["--transform=s,asked,../escaped,", "--transform=s,asked,/tmp/stint-escaped,"] {
            #expect(throws: CarriageError.self) { try folder.unpack(start + ["--absolute-names", name, "asked"], expecting: ["asked"]) }
        }
        #expect(try folder.names("there") == ["asked"] && !FileManager.default.fileExists(atPath: folder.path + "/escaped"))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/stint-escaped"))
    }

    @Test func `a link in the archive leads no later file out of the folder`() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(atPath: folder.path + "/outside", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: folder.path + "/here/tree", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/here/tree/way", withDestinationPath: folder.path + "/outside")
        _ = try folder.write("here/file", "evil")
        let start = ["--directory=" + folder.path + "/here"]
        // The link first, then a file through it.
        _ = try? folder.unpack(start + ["tree", "--transform=s,^file$,tree/way/file,", "file"], expecting: ["tree"])
        #expect(try folder.names("outside").isEmpty)
    }

    @Test func `a pipe or a device is no file to copy`() throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(atPath: folder.path + "/here/tree", withIntermediateDirectories: true)
        mkfifo(folder.path + "/here/tree/pipe", 0o600)
        let error = #expect(throws: CarriageError.self) { try folder.copy([folder.path + "/here/tree"], to: folder.path + "/there") }
        #expect(error?.code == "copy.not-asked-for" && error?.message.contains("pipe") == true)
        #expect(try folder.names("there").isEmpty)
    }

    @Test func `set-uid bits do not come along`() throws {
        let folder = try Folder()
        let file = try folder.write("here/tool", "#!/bin/sh\n")
        chmod(file, 0o6755)
        try folder.copy([file], to: folder.path + "/there")
        var status = stat()
        stat(folder.path + "/there/tool", &status)
        #expect(status.st_mode & 0o7000 == 0)
    }
}
