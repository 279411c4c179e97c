// SPDX-License-Identifier: Apache-2.0

/// Lengths of time as people say them. Always rounded down: nobody is promised a minute that is not there.
package enum RelativeTime {
    /// `in 1 h 59 min`, `in 45 s`, `now`, `3 h ago`.
    ///
    /// - Parameter offset: from now; positive lies ahead.
    package static func text(_ offset: Duration) -> String {
        let seconds = offset.components.seconds
        if seconds == 0 { return "now" }
        let units = parts(of: seconds.magnitude)
        return seconds > 0 ? "in \(units.joined(separator: " "))" : "\(units[0]) ago"
    }

    /// `1 h 30 min`; a negative length is `0 s`.
    package static func length(_ duration: Duration) -> String {
        parts(of: max(0, duration.components.seconds).magnitude).joined(separator: " ")
    }

    /// One unit, or two where the second still matters. Never empty.
    private static func parts(of seconds: UInt64) -> [String] {
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400)
        if days > 0 { return ["\(days) d"] + optional(hours % 24, "h") }
        if hours > 0 { return ["\(hours) h"] + optional(minutes % 60, "min") }
        if minutes > 0 { return ["\(minutes) min"] }
        return ["\(seconds) s"]
    }

    private static func optional(_ count: UInt64, _ unit: String) -> [String] {
        count > 0 ? ["\(count) \(unit)"] : []
    }
}
