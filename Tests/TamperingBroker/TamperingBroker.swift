// SPDX-License-Identifier: Apache-2.0

import Broker
import Client
import Synchronization

/// A broker that serves a real home and lies:
/// - `stintd-tampering HOME insert|alter|drop|repeat` changes what it relays, after the first few messages of each direction;
/// - `stintd-tampering HOME charter-alone|charter-forged|roster-forged=PERSON` serves an entry of the roll that it made with the key of that
///   person's home, which it has stolen.
@main
enum TamperingBroker {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { return explain() }
        let words = arguments[2].split(separator: "=", maxSplits: 1).map(String.init)
        if let fault = Fault(rawValue: arguments[2]) {
            try tamper(BrokerHome(arguments[1]), fault)
        } else if words.count == 2, let forgery = Forgery(rawValue: words[0]) {
            let thief = try Operator(try ClientHome(given: words[1]), mayAsk: false)
            try BrokerProgram.serve(BrokerHome(arguments[1]), listen: nil, forgery: { [try forgery.entry(after: $0, by: thief)] })
        } else {
            explain()
        }
    }

    private static func tamper(_ home: BrokerHome, _ fault: Fault) throws {
        let messages = Atomic(0)
        try BrokerProgram.serve(home, listen: nil) { towardsNode, message in
            fault.apply(to: message, towardsNode: towardsNode, number: messages.wrappingAdd(1, ordering: .relaxed).newValue)
        }
    }

    private static func explain() {
        let faults = Fault.allCases.map(\.rawValue) + Forgery.allCases.map { $0.rawValue + "=PERSON" }
        print("usage: stintd-tampering HOME \(faults.joined(separator: "|"))")
    }
}
