// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Storage
import Synchronization
import Terminal

/// Reads recordings into the index for `stint search`: those that grow as far as they are, and each to its end. A thread of
/// its own, far from any session; how far it is stands in the index, so that it goes on where it was.
final class SearchIndexer: Sendable {
    private let home: BrokerHome
    private let readers: ReaderPool
    private let wake: EventCounter
    private let isStopped = Atomic(false)
    private let deleted = Mutex<[SessionID]>([])
    /// Whether a recording has grown that was not looked at since.
    private let hasGrown = Atomic(false)
    /// Whether there is something that does not wait for ``pause``.
    private let isUrgent = Atomic(false)

    /// How far the index may be behind a session that lives.
    private static let pause: Duration = .seconds(5)
    /// Recordings that are looked up at once.
    private static let batch = 100
    /// For each moment of work so many of rest, while recordings grow.
    private static let restsForWork = 19
    private static let longestRest: Duration = .milliseconds(250)

    /// Makes the index, if it is not there or is none any more.
    init(_ home: BrokerHome, _ readers: ReaderPool) throws {
        self.home = home
        self.readers = readers
        wake = try EventCounter()
        do {
            _ = try open()
        } catch let error where Self.isOfTheFile(error) {
            Log.error("the search index is made anew: \(error)")
            for suffix in ["", "-wal", "-shm"] { try DurableFile.remove(home.searchIndex + suffix) }
            _ = try open()
        }
    }

    /// Whether a new index would be a better one: not where the disk or the process is at its limit.
    private static func isOfTheFile(_ error: any Error) -> Bool {
        switch error as? StorageError {
        case .cannotOpen, .tooManyFiles, .busy, .full, .ioError, .readOnly: false
        default: true
        }
    }

    private func open() throws -> SearchIndex {
        let connection = try Connection(path: home.searchIndex, mode: .derived)
        try SearchIndex.migrator.migrate(connection)
        return SearchIndex(connection)
    }

    func start() throws {
        try Thread.start("search", stackSize: 1024 * 1024) { [self] in
            // Who works comes before who searches; only the speed hangs on it.
            try? ProcessControl.workWhenIdle()
            do {
                run(try open())
            } catch {
                Log.error("search: \(error)")
            }
        }
    }

    /// A recording has ended.
    func recordingEnded() { hurry() }

    /// Some that live have grown.
    func recordingsGrew() {
        if !hasGrown.exchange(true, ordering: .sequentiallyConsistent) { wake.signal() }
    }

    private func hurry() {
        isUrgent.store(true, ordering: .sequentiallyConsistent)
        wake.signal()
    }

    /// A recording was deleted; its words are, too.
    func forget(_ id: SessionID) {
        deleted.withLock { $0.append(id) }
        hurry()
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        wake.signal()
    }

    private func run(_ index: SearchIndex) {
        var sizes: [SessionID: Int64] = [:]
        while !isStopped.load(ordering: .relaxed) {
            isUrgent.store(false, ordering: .sequentiallyConsistent)
            hasGrown.store(false, ordering: .sequentiallyConsistent)
            let looked = BootInstant.now
            var limit: Duration?
            do {
                let forgotten = deleted.withLock { ids in
                    defer { ids = [] }
                    return ids
                }
                for id in forgotten { try index.remove(id) }
                try readGrowing(into: index, &sizes)
                try readEnded(into: index)
            } catch {
                // What was not read now is read later.
                Log.error("search: \(error)")
                limit = .seconds(30)
            }
            wait(limit)
            // What only grew is read with what grows meanwhile.
            let left = looked + Self.pause - .now
            if left > .zero, !isUrgent.load(ordering: .sequentiallyConsistent) { wait(left) }
        }
    }

    private func wait(_ limit: Duration?) {
        var entries = [PollEntry(wake.number, .input)]
        do {
            if try Poll.wait(&entries, timeout: limit) > 0 { wake.clear() }
        } catch {
            Log.error("search: \(error.message)")
        }
    }

    /// - Parameter sizes: of the files when they were read last; those that did not grow are not asked for.
    private func readGrowing(into index: SearchIndex, _ sizes: inout [SessionID: Int64]) throws {
        let growing = try readers.perform { try $0.growingRecordings() }
        var found: [SessionID: Int64] = [:]
        for id in growing {
            // One that is not there yet, or was deleted meanwhile.
            guard let size = try? FileStatus(ofLink: home.recording(of: id)).size else { continue }
            if sizes[id] != size { try read(id, isOver: false, into: index) }
            found[id] = size
        }
        sizes = found
    }

    private func readEnded(into index: SearchIndex) throws {
        while true {
            let done = try index.progress()
            let next = try readers.perform { try $0.keptRecordings(after: done.endedAt, done.session, limit: Self.batch) }
            if next.isEmpty { return }
            for recording in next {
                if isStopped.load(ordering: .relaxed) { return }
                try read(recording.session, isOver: true, into: index)
                try index.setProgress(recording.endedAt, recording.session)
            }
        }
    }

    /// Reads what was not read, in pieces, each with its lines in one transaction.
    private func read(_ id: SessionID, isOver: Bool, into index: SearchIndex) throws {
        guard let session = try readers.perform({ try $0.session(id) }), access(home.recording(of: id), F_OK) == 0 else { return }
        let opening = session.opening.value
        let source = try index.source(of: id, node: opening.node, person: opening.person, openedAt: session.startedAt ?? session.openedAt)
        var reading = try RecordingText(home.recording(of: id), from: source)
        var began = BootInstant.now
        while let part = try reading.next(isOver: isOver) {
            try index.add(part.lines, to: part.source)
            if isStopped.load(ordering: .relaxed) { return }
            rest(after: .now - began)
            began = .now
        }
    }

    /// While recordings grow, their sessions get most of a processor that would have been ours.
    private func rest(after work: Duration) {
        guard hasGrown.load(ordering: .relaxed) else { return }
        var nothing: [PollEntry] = []
        try? _ = Poll.wait(&nothing, timeout: min(work * Self.restsForWork, Self.longestRest))  // an interrupted rest is a short one
    }
}

/// The text of one recording from where it was read to.
private struct RecordingText: ~Copyable {
    private let file: SealedFile
    private var source: SearchIndex.Source
    private var reader: AsciicastReader
    private var text: OutputText
    private var isDone = false

    private static let piece = 1024 * 1024
    /// Beyond it somebody shows the whole disk; what is shown later is not found.
    private static let maximumLines: Int64 = 1_000_000
    /// Events that show nothing: exact bytes, input, positions and seals. Of a recorded archive they are nearly everything.
    private static let unseen = "xiph"

    init(_ path: String, from source: SearchIndex.Source) throws {
        let file = try SealedFile(path)
        var reader = AsciicastReader(skipping: Self.unseen)
        if source.position > 0 { _ = try reader.feed(try file.header()) }
        self.file = file
        self.source = source
        self.reader = reader
        text = OutputText(continuing: .init(at: .milliseconds(source.restAt), text: source.rest))
    }

    /// - Parameter isOver: nothing follows, so that the last line is whole as it is.
    /// - Returns: `nil` where there is nothing more.
    mutating func next(isOver: Bool) throws -> (lines: [SearchIndex.Line], source: SearchIndex.Source)? {
        guard !isDone else { return nil }
        let bytes = try file.read(from: source.position, maximum: Self.piece)
        if bytes.count == Self.piece { file.forgetCached(from: source.position, count: bytes.count) }
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { bytes[...$0] } ?? []
        var lines: [OutputText.Line] = []
        if whole.isEmpty || source.lines >= Self.maximumLines {
            isDone = true
            guard isOver else { return nil }
            lines = text.finish()
        }
        do {
            for case .event(let event) in try reader.feed(Array(whole)) {
                if case .output(let output) = event.kind { lines += text.feed(output, at: event.time) }
            }
        } catch {
            isDone = true  // what is behind is no recording; the verifier says so
        }
        source.position += Int64(whole.count)
        source.lines += Int64(lines.count)
        (source.rest, source.restAt) = (text.rest.text, text.rest.at.wholeMilliseconds)
        return (lines.map { .init(at: $0.at.wholeMilliseconds, text: Self.storable($0.text)) }, source)
    }

    /// A sanitised text has no NUL; SQLite would be silent about one.
    private static func storable(_ text: String) -> String {
        // By memchr(3): the standard library looks at each byte by itself.
        let hasNUL = text.utf8.withContiguousStorageIfAvailable { text in
            text.baseAddress.map { memchr($0, 0, text.count) != nil } ?? false
        }
        return hasNUL ?? text.utf8.contains(0) ? "" : text
    }
}
