// SPDX-License-Identifier: Apache-2.0

/// Where the playing of a recording is. It draws nothing: each change answers with what is to be drawn.
struct Playback {
    /// What leads to the picture after a change.
    enum Drawing: Equatable {
        /// These pieces, on top of what is there.
        case more(Range<Int>)
        /// A clear screen, and then these pieces from the beginning.
        case anew(Range<Int>)
    }

    /// In hundredths: 100 is the speed of the session.
    static let speeds: ClosedRange<Int> = 10...100_000

    let recording: Recording
    /// The pieces before it are drawn.
    private(set) var next = 0
    /// Of the shortened time, in which pieces are due.
    private var elapsed = Duration.zero
    private(set) var speed: Int
    private(set) var isPaused = false
    private lazy var lines = recording.lines()
    /// Where the last search ended, among the lines.
    private var found: Int?

    init(_ recording: Recording, speed: Int) {
        self.recording = recording
        self.speed = speed
    }

    var isOver: Bool { next == recording.pieces.count }

    /// Since the session's start, long pauses included.
    var position: Duration {
        guard next > 0 else { return min(elapsed, recording.pieces.first?.at ?? .zero) }
        let last = recording.pieces[next - 1]
        return min(last.at + max(.zero, elapsed - last.due), isOver ? last.at : recording.pieces[next].at)
    }

    /// How long nothing is to be drawn; nil while it is paused, and at the end.
    var wait: Duration? {
        guard !isPaused, !isOver else { return nil }
        return max(.zero, recording.pieces[next].due - elapsed) * 100 / speed
    }

    /// So much time has passed.
    mutating func advance(by time: Duration) -> Drawing {
        let from = next
        guard !isPaused, !isOver else { return .more(from..<from) }
        elapsed += time * speed / 100
        while !isOver, recording.pieces[next].due <= elapsed { next += 1 }
        return .more(from..<next)
    }

    mutating func togglePause() { isPaused.toggle() }

    mutating func pause() { isPaused = true }

    /// - Parameter factor: 2 to double it, -2 to halve it.
    mutating func changeSpeed(_ factor: Int) {
        let changed = factor > 0 ? speed * factor : speed / -factor
        speed = min(max(changed, Self.speeds.lowerBound), Self.speeds.upperBound)
    }

    /// Goes to a time since the session's start.
    mutating func jump(to time: Duration) -> Drawing {
        let target = recording.count(at: max(.zero, time))
        let drawing = go(to: target)
        // Between two pieces the time goes on where it was asked for, as far as the pause was not shortened.
        guard target > 0, !isOver else { return drawing }
        let last = recording.pieces[target - 1]
        elapsed = min(last.due + max(.zero, time - last.at), recording.pieces[target].due)
        return drawing
    }

    /// One more piece, however long it takes to come.
    mutating func step() -> Drawing { isOver ? .more(next..<next) : go(to: next + 1) }

    /// Everything that is drawn now, anew.
    var redrawing: Drawing { .anew(0..<next) }

    /// Goes to where a line with this text is whole, and stops there. Upper and lower case are the same.
    ///
    /// - Parameter isBackward: to the one before instead of the one after.
    /// - Returns: nil where there is none in that direction.
    mutating func find(_ text: String, isBackward: Bool = false) -> Drawing? {
        let wanted = text.lowercased()
        let known = lines
        // Without a search before, from what is drawn: its last line may be looked at now.
        let start = found ?? (known.lastIndex { $0.piece < next } ?? -1)
        let candidates = isBackward ? Array((0..<max(0, start)).reversed()) : Array((start + 1)..<max(start + 1, known.count))
        guard let line = candidates.first(where: { known[$0].text.lowercased().contains(wanted) }) else { return nil }
        let drawing = go(to: min(known[line].piece + 1, recording.pieces.count))
        found = line
        isPaused = true
        return drawing
    }

    private mutating func go(to target: Int) -> Drawing {
        let from = next
        next = target
        elapsed = target > 0 ? recording.pieces[target - 1].due : .zero
        found = nil
        return target >= from ? .more(from..<target) : .anew(0..<target)
    }
}
