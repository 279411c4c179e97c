// SPDX-License-Identifier: Apache-2.0

import Glibc
import StrictJSON

/// `stint-loads VERB --home DIR --stintd FILE ...`, for `deploy/bench loads`: puts a load on a real broker, checks that all of
/// it was really done, and prints what was measured as one line of JSON. Times are in microseconds, memory in KiB.
enum LoadProgram {
    static let usage = """
        stint-loads workflow --home DIR --stintd FILE --callers 1,8,64 --cycles COUNT --rounds COUNT
        stint-loads growth   --home DIR --stintd FILE --sizes 10000,100000,1000000 --due COUNT --starts COUNT
        stint-loads store    --home DIR --stintd FILE --sizes COUNT --due COUNT
        stint-loads sweep    --home DIR
        stint-loads hop node|relay --dir DIR [--work yes] [--user NAME]
        stint-loads hop shell|exec --dir DIR [--work yes] [-- WORD...]
        stint-loads agents   --home DIR --stintd FILE --agents 1000,5000,10000 --sessions 100,500,1000
        """

    static func run(_ arguments: [String]) -> Int32 {
        do {
            if arguments.first == "hop" {
                try HopFloor.run(Array(arguments.dropFirst()))
                return 0
            }
            let options = try Options(Array(arguments.dropFirst()))
            let result: JSONValue
            switch arguments.first {
            case "workflow": result = try WorkflowLoad(options).run()
            case "growth": result = try GrowthLoad(options).run()
            case "store": result = try GrowthLoad(options).store()
            case "sweep": result = try GrowthLoad.sweepStored(options)
            case "agents": result = try AgentLoad(options).run()
            default: throw LoadError(usage)
            }
            print(result.text)
            return 0
        } catch {
            tell("\(error)")
            return 1
        }
    }

    /// What goes on, for whoever waits.
    static func tell(_ text: String) {
        let line = Array("stint-loads: \(text)\n".utf8)
        _ = write(2, line, line.count)
    }
}

struct LoadError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// `--name value` pairs.
struct Options {
    private let values: [String: String]

    init(_ arguments: [String]) throws {
        var values: [String: String] = [:]
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard name.hasPrefix("--"), let value = rest.popFirst() else { throw LoadError(LoadProgram.usage) }
            values[String(name.dropFirst(2))] = value
        }
        self.values = values
    }

    func text(_ name: String) throws -> String {
        guard let value = values[name] else { throw LoadError("--\(name) is missing\n\(LoadProgram.usage)") }
        return value
    }

    func number(_ name: String) throws -> Int {
        guard let number = Int(try text(name)), number > 0 else { throw LoadError("--\(name) is not a positive number") }
        return number
    }

    func numbers(_ name: String) throws -> [Int] {
        let numbers = try text(name).split(separator: ",").compactMap { Int($0) }
        guard !numbers.isEmpty, numbers == numbers.sorted(), numbers.allSatisfy({ $0 > 0 }) else {
            throw LoadError("--\(name) is not a list of growing positive numbers")
        }
        return numbers
    }
}
