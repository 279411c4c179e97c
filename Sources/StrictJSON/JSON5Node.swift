// SPDX-License-Identifier: Apache-2.0

/// A value in a JSON5 file, and where it stands.
package struct JSON5Node: Sendable {
    package enum Content: Sendable {
        case null
        case bool(Bool)
        case integer(Int64)
        case string(String)
        case array([JSON5Node])
        /// In the order of the file; keys are unique by their bytes.
        case object([Member])
    }

    package struct Member: Sendable {
        package let key: String
        /// Where the key stands; the value has a place of its own.
        package let line: Int
        package let column: Int
        package let value: JSON5Node
    }

    package let content: Content
    /// From 1.
    package let line: Int
    /// From 1, in Unicode scalars.
    package let column: Int

    /// The same value without places: what is signed and sent.
    package var value: JSONValue {
        switch content {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .string(let value): .string(value)
        case .array(let elements): .array(elements.map(\.value))
        case .object(let members): .object(JSONObject(distinct: members.map { ($0.key, $0.value.value) }))
        }
    }

    /// Where the member or element at `target` stands, or as much of the way to it as exists.
    ///
    /// A missing or misspelt member is placed at the object that should have it, a member that is
    /// there at its value. `target` is a path as ``ObjectReader`` writes it.
    ///
    /// - Parameter path: the path of this node.
    /// - Parameter pointsAtKey: to answer the place of the last key instead of its value.
    func position(of target: String, from path: String = "", pointsAtKey: Bool) -> (line: Int, column: Int) {
        switch content {
        case .null, .bool, .integer, .string: break
        case .array(let elements):
            for (index, element) in elements.enumerated() where target.leads(through: "\(path)[\(index)]") {
                return element.position(of: target, from: "\(path)[\(index)]", pointsAtKey: pointsAtKey)
            }
        case .object(let members):
            for member in members {
                let memberPath = path.isEmpty ? member.key : path + "." + member.key
                guard target.leads(through: memberPath) else { continue }
                if pointsAtKey, target.hasSameBytes(as: memberPath) { return (member.line, member.column) }
                return member.value.position(of: target, from: memberPath, pointsAtKey: pointsAtKey)
            }
        }
        return (line, column)
    }
}

extension String {
    /// Whether this path is `path` or lies below it.
    fileprivate func leads(through path: String) -> Bool {
        guard utf8.starts(with: path.utf8) else { return false }
        let next = utf8.dropFirst(path.utf8.count).first
        return next == nil || next == UInt8(ascii: ".") || next == UInt8(ascii: "[")
    }
}
