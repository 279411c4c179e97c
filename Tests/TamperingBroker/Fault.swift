// SPDX-License-Identifier: Apache-2.0

/// What a dishonest broker does to what it relays.
enum Fault: String, CaseIterable {
    /// A keystroke of its own: an input frame towards the node, with a tag that it cannot know.
    case insert
    /// One bit of the output.
    case alter
    /// An output frame is left out.
    case drop
    /// An input frame is sent twice.
    case `repeat`

    /// Honest until the session has begun to talk.
    private static let firstDishonest = 8

    func apply(to message: [UInt8], towardsNode: Bool, number: Int) -> [[UInt8]] {
        guard number >= Self.firstDishonest, let kind = message.first else { return [message] }
        let isInput = towardsNode && kind == 1
        let isOutput = !towardsNode && kind == 2
        switch self {
        case .insert where isInput: return [[UInt8](message.prefix(9)) + Array("X".utf8) + message.suffix(16), message]
        case .alter where isOutput:
            var changed = message
            changed[9] ^= 1
            return [changed]
        case .drop where isOutput: return []
        case .repeat where isInput: return [message, message]
        case .insert, .alter, .drop, .repeat: return [message]
        }
    }
}
