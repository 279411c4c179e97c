// SPDX-License-Identifier: Apache-2.0

/// How much a parser accepts. Both limits are looked at before memory is spent.
package struct JSONLimits: Sendable {
    /// The largest text, in bytes.
    package var bytes: Int

    /// How many arrays and objects may stand inside each other; a lone number has depth 0.
    ///
    /// The parsers recurse once a level, and sessions run on small stacks: at most 64.
    package var depth: Int

    /// - Precondition: `depth` is 0 to 64 and `bytes` is not negative.
    package init(bytes: Int = 256 * 1024, depth: Int = 16) {
        precondition((0...64).contains(depth) && bytes >= 0)
        self.bytes = bytes
        self.depth = depth
    }
}
