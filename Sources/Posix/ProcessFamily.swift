// SPDX-License-Identifier: Apache-2.0

/// Who belongs to a session, told while the processes come in one by one.
struct ProcessFamily {
    private var members: Set<Int32>
    /// Those whose parent has not come yet: numbers start again at the bottom, so a child may come before its parent.
    private var waiting: [Int32: [ProcessRecord]] = [:]

    /// A family of one: the supervisor, whose descendants are meant.
    init(of supervisor: Int32) { members = [supervisor] }

    /// Takes the next process and gives those that are now known to belong: none, itself, or itself with
    /// descendants that came before.
    ///
    /// - Parameter isMarked: whether it belongs whatever its parent is. Only asked when the parent does not tell.
    mutating func take(_ record: ProcessRecord, isMarked: () -> Bool) -> [ProcessRecord] {
        guard members.contains(record.parent) || isMarked() else {
            waiting[record.parent, default: []].append(record)
            return []
        }
        var adopted: [ProcessRecord] = []
        var next = [record]
        while let member = next.popLast() {
            guard members.insert(member.pid).inserted else { continue }
            adopted.append(member)
            next += waiting.removeValue(forKey: member.pid) ?? []
        }
        return adopted
    }
}
