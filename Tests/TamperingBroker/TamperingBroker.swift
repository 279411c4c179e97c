// SPDX-License-Identifier: Apache-2.0

import Broker
import Synchronization

/// A broker that serves a real home and changes what it relays:
/// `stintd-tampering HOME insert|alter|drop|repeat` after the first few messages of each direction.
@main
enum TamperingBroker {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let fault = Fault(rawValue: arguments[2]) else {
            print("usage: stintd-tampering HOME \(Fault.allCases.map(\.rawValue).joined(separator: "|"))")
            return
        }
        let messages = Atomic(0)
        try BrokerProgram.serve(BrokerHome(arguments[1]), listen: nil) { towardsNode, message in
            fault.apply(to: message, towardsNode: towardsNode, number: messages.wrappingAdd(1, ordering: .relaxed).newValue)
        }
    }
}

/// What a dishonest broker does.
private enum Fault: String, CaseIterable {
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
