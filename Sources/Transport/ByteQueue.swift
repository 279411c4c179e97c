// SPDX-License-Identifier: Apache-2.0
// SECURITY: raw memory. Every offset is checked against `head <= tail <= capacity` here and nowhere else.

/// Bytes in the order they came: written at the tail, consumed at the head, in one block of raw memory.
package struct ByteQueue: ~Copyable {
    package init() {}

    private var storage: UnsafeMutableRawBufferPointer?
    private var head = 0
    private var tail = 0

    deinit { storage?.deallocate() }

    package var count: Int { tail - head }
    package var isEmpty: Bool { head == tail }

    /// What was written and not consumed. Valid until the next call that writes.
    package var readable: UnsafeMutableRawBufferPointer {
        guard let storage else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        return UnsafeMutableRawBufferPointer(rebasing: storage[head..<tail])
    }

    /// Free memory of at least `minimum` bytes behind the tail; ``commit(_:)`` what was filled of it.
    ///
    /// Moves the bytes to the front when that makes room, so that a block in steady use never grows.
    package mutating func reserve(_ minimum: Int) -> UnsafeMutableRawBufferPointer {
        if isEmpty { (head, tail) = (0, 0) }
        let capacity = storage?.count ?? 0
        if capacity - tail < minimum {
            if capacity - count >= minimum, let storage {
                storage.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[head..<tail]))
            } else {
                grow(to: max(2 * capacity, count + minimum, 4096))
            }
            (head, tail) = (0, count)
        }
        guard let storage else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        return UnsafeMutableRawBufferPointer(rebasing: storage[tail...])
    }

    package mutating func commit(_ count: Int) {
        precondition(count >= 0 && count <= (storage?.count ?? 0) - tail)
        tail += count
    }

    /// Forgets bytes at the head. They stay readable in place until the next write.
    package mutating func consume(_ count: Int) {
        precondition(count >= 0 && count <= self.count)
        head += count
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        reserve(bytes.count).copyMemory(from: bytes)
        commit(bytes.count)
    }

    package mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Gives the memory back when there is nothing in it.
    package mutating func releaseIfEmpty() {
        guard isEmpty else { return }
        storage?.deallocate()
        storage = nil
        (head, tail) = (0, 0)
    }

    private mutating func grow(to capacity: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        if let storage {
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[head..<tail]))
            storage.deallocate()
        }
        storage = larger
    }
}
