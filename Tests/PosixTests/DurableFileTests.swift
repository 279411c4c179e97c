// SPDX-License-Identifier: Apache-2.0
import Glibc
import Posix
import Testing

struct DurableFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func `a file is replaced whole, with the mode asked for, and no temporary file stays`() throws {
        let path = directory("key")
        try DurableFile.writeAtomically([1, 2, 3], to: path)
        try DurableFile.writeAtomically([4], to: path, mode: 0o666)
        #expect(try DurableFile.read(path, maximumBytes: 1) == [4])
        #expect(try output(of: "stat -c %a \(path)") == "666\n")
        #expect(try DurableFile.listDirectory(directory.path) == ["key"])
    }

    @Test func `a failed replacement leaves neither the temporary file nor a changed target`() throws {
        let path = directory("sub")
        try DurableFile.makeDirectory(path)
        #expect(refusal { () throws(SystemError) in try DurableFile.writeAtomically([1], to: path) } == "system.eisdir")
        #expect(try DurableFile.listDirectory(directory.path) == ["sub"])
    }

    @Test func `a file of the limit is read and one byte more is refused`() throws {
        let path = directory("file")
        try DurableFile.writeAtomically([1, 2, 3], to: path)
        #expect(try DurableFile.read(path, maximumBytes: 3) == [1, 2, 3])
        #expect(
            refusal { () throws(SystemError) in _ = try DurableFile.read(path, maximumBytes: 2) } == "system.too-large")
    }

    @Test func `links, pipes, directories, NUL and missing files are not read`() throws {
        try DurableFile.writeAtomically([1], to: directory("file"))
        symlink(directory("file"), directory("link"))
        mkfifo(directory("pipe"), 0o600)
        let expected = [
            "link": "system.eloop", "pipe": "system.not-a-file", ".": "system.not-a-file", "none": "system.enoent",
            "file\0x": "system.contains-nul",
        ]
        for (name, code) in expected {
            let path = directory(name)
            #expect(refusal { () throws(SystemError) in _ = try DurableFile.read(path, maximumBytes: 9) } == code)
        }
    }

    @Test func `appending goes on at the end and a half-written end can be cut`() throws {
        let path = directory("log")
        for text in ["one\n", "two\n"] {
            let file = try AppendFile(path)
            try file.append(Array(text.utf8))
            try file.synchronise()
        }
        let file = try AppendFile(path)
        #expect(try file.size == 8)
        try file.cut(to: 4)
        #expect(try DurableFile.read(path, maximumBytes: 100) == Array("one\n".utf8))
    }

    @Test func `directories are made with those above them, are private, and go with their content`() throws {
        let path = directory("a/b/c")
        #expect(refusal { () throws(SystemError) in try DurableFile.makeDirectory(path) } == "system.enoent")
        try DurableFile.makeDirectory(path, intermediate: true)
        try DurableFile.makeDirectory(path, intermediate: true)
        try PrivateFile.check(path)
        symlink("/etc", path + "/link")
        try DurableFile.removeDirectory(directory("a"))
        #expect(try DurableFile.listDirectory(directory.path) == [])
        #expect(access("/etc/passwd", F_OK) == 0)
    }

    @Test func `a file in the place of a directory is refused`() throws {
        try DurableFile.writeAtomically([], to: directory("file"))
        let path = directory("file")
        #expect(refusal { () throws(SystemError) in try DurableFile.makeDirectory(path) } == "system.not-a-directory")
    }

    @Test(arguments: [("/a/b", "/a"), ("/a/b//", "/a"), ("/a", "/"), ("/", "/"), ("a", "."), ("a/b", "a"), ("", ".")])
    func `a path has its directory`(path: String, expected: String) {
        #expect(DurableFile.directory(of: path) == expected)
    }

    @Test func `removing a file twice is fine`() throws {
        try DurableFile.writeAtomically([], to: directory("file"))
        try DurableFile.remove(directory("file"))
        try DurableFile.remove(directory("file"))
    }
}

struct PrivateFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test(arguments: [UInt32(0o601), 0o610, 0o640, 0o604, 0o666])
    func `a key that others can open is refused and the hint repairs it`(mode: UInt32) throws {
        let path = directory("key")
        try DurableFile.writeAtomically([], to: path, mode: mode)
        let error = #expect(throws: SystemError.self) { try PrivateFile.check(path) }
        #expect(error?.code == "system.open-to-others")
        #expect(error?.hint == "Run: chmod 600 \(path)")
        chmod(path, 0o600)
        try PrivateFile.check(path)
    }

    @Test func `a symbolic link in the place of a key is refused`() throws {
        try DurableFile.writeAtomically([], to: directory("key"))
        symlink(directory("key"), directory("link"))
        let path = directory("link")
        #expect(refusal { () throws(SystemError) in try PrivateFile.check(path) } == "system.not-a-file")
    }

    @Test func `a key in a directory that every user may write to is refused`() throws {
        let open = directory("open")
        try DurableFile.makeDirectory(open)
        try DurableFile.writeAtomically([], to: open + "/key")
        chmod(open, 0o777)
        #expect(
            refusal { () throws(SystemError) in try PrivateFile.check(open + "/key") }
                == "system.parent-writable-by-others")
        chmod(open, 0o1777)
        try PrivateFile.check(open + "/key")
    }

    @Test(.enabled(if: geteuid() == 0, "another owner can only be made by root"))
    func `a key of another owner is refused`() throws {
        let path = directory("key")
        try DurableFile.writeAtomically([], to: path)
        chown(path, 1, 1)
        #expect(refusal { () throws(SystemError) in try PrivateFile.check(path) } == "system.owned-by-another")
    }

    @Test func `a home has one owner at a time, who is named`() throws {
        let path = directory("lock")
        let lock = try FileLock(path)
        let error = #expect(throws: SystemError.self) { _ = try FileLock(path) }
        #expect(error?.message == "\(path) is in use by process \(getpid()).")
        _ = consume lock
        // A child that another test has forked holds a copy of the descriptor until its exec.
        let limit = ContinuousClock.now + .seconds(10)
        var answer = ""
        repeat { answer = refusal { () throws(SystemError) in _ = try FileLock(path) } } while answer != "accepted" && .now < limit
        #expect(answer == "accepted")
    }
}
