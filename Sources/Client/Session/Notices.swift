// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import Terminal

/// What Stint itself says on the operator's terminal while a session draws on it: lines between the lines of the session,
/// and the time left in the window's title.
///
/// Nothing of it is written inside a sequence or a character. While a full-screen program has the window, a line would
/// garble its picture: the bell rings, the title says it, and the line follows when the program has left.
struct Notices {
    private let node: NodeName
    private let hasTitle: Bool
    private var screen = ScreenState()
    private var lines: [String] = []
    /// What the title says instead of the time left, until it is set the next time.
    private var urgent: String?
    private var isBellDue = false
    private var titleDue: BootInstant = .now
    private var shownTitle: String?

    /// Whether ``take(until:)`` had to wait for the session to draw on.
    private(set) var isHeldBack = false

    private static let maximumLines = 50

    init(node: NodeName, terminalType: String) {
        self.node = node
        hasTitle = WindowTitle.exists(on: terminalType)
    }

    var opening: [UInt8] { hasTitle ? WindowTitle.save : [] }
    var closing: [UInt8] { hasTitle ? WindowTitle.restore : [] }

    /// When ``take(until:)`` has something to say even if nothing comes; nil where the session must first draw on.
    var due: BootInstant? {
        guard screen.isBetween else { return nil }
        if isBellDue || (!lines.isEmpty && !screen.isFullScreen) { return .now }
        return hasTitle ? titleDue : nil
    }

    /// The session has drawn this.
    mutating func passed(_ bytes: UnsafeRawBufferPointer) { screen.feed(bytes) }

    mutating func add(_ text: String) {
        if lines.count < Self.maximumLines { lines.append(DisplayText.escaped(text)) }
        guard screen.isFullScreen else { return }
        urgent = text
        isBellDue = true
        titleDue = .now
    }

    /// What is to be written now; empty where nothing is, or where it would garble something.
    mutating func take(until end: Timestamp) -> [UInt8] {
        isHeldBack = !screen.isBetween || (screen.isFullScreen && !lines.isEmpty)
        guard screen.isBetween else { return [] }
        var bytes: [UInt8] = isBellDue ? [0x07] : []
        isBellDue = false
        if !screen.isFullScreen, !lines.isEmpty {
            for line in lines { bytes += Array("\r\n[stint] \(line)\r\n".utf8) }
            lines = []
            urgent = nil
        }
        if hasTitle, .now >= titleDue { bytes += title(until: end) }
        return bytes
    }

    private mutating func title(until end: Timestamp) -> [UInt8] {
        let left = end - .now()
        // A minute is the smallest change that matters, until the last two.
        titleDue = .now + (left < .seconds(120) ? .seconds(5) : .seconds(30))
        let text = "\(node): \(urgent ?? "\(RelativeTime.length(left)) left")"
        urgent = nil
        guard text != shownTitle else { return [] }
        shownTitle = text
        return WindowTitle.set(text)
    }
}
