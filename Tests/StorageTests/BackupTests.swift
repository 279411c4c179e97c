// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

@Suite struct BackupTests {
    private let directory = TemporaryDirectory()
    private let writer: Writer

    init() throws {
        writer = try Writer(path: directory.database, migrator: numbersMigrator)
        try writer.perform { try $0.run("INSERT INTO number (value) VALUES (1)") }
    }

    private var copy: String { directory.path + "/copy.db" }

    private func backUp(to path: String) throws {
        try Backup.copy(Connection(path: directory.database, mode: .readOnly), to: path)
    }

    @Test func `a copy is one whole file, for its owner only`() throws {
        try backUp(to: copy)
        #expect(directory.mode(of: copy) == 0o600)
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: directory.path)).filter { $0.hasPrefix("copy") } == ["copy.db"])
        #expect(try countOfNumbers(in: copy) == 1)
    }

    @Test func `a copy holds one moment while the writer goes on`() throws {
        let writer = writer
        let going = Thread {
            // Each transaction adds two rows, so an odd number more than the first row would be half of one.
            for value in stride(from: Int64(10), to: 2_010, by: 2) {
                writer.submit({ connection in
                    try connection.run("INSERT INTO number (value) VALUES (?1)", .integer(value))
                    try connection.run("INSERT INTO number (value) VALUES (?1)", .integer(value + 1))
                }, completion: { _ in })
            }
        }
        going.start()
        for index in 0..<5 {
            let copy = copy + ".\(index)"
            try backUp(to: copy)
            let count = try #require(try countOfNumbers(in: copy))
            #expect(count % 2 == 1)
        }
        writer.stop()
    }

    @Test func `an existing file is refused and left alone`() throws {
        try Data("precious".utf8).write(to: URL(filePath: copy))
        #expect(throws: StorageError.self) { try backUp(to: copy) }
        #expect(try Data(contentsOf: URL(filePath: copy)) == Data("precious".utf8))
    }

    @Test func `what an interrupted copy left is replaced`() throws {
        try Data("half".utf8).write(to: URL(filePath: copy + ".partial"))
        try backUp(to: copy)
        #expect(try countOfNumbers(in: copy) == 1)
    }

    @Test func `a directory that does not exist is refused`() {
        #expect(throws: StorageError.self) { try backUp(to: directory.path + "/no/copy.db") }
    }
}
