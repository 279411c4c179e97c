// SPDX-License-Identifier: Apache-2.0
// SECURITY: the tree over the ledger. What an inclusion proof shows is in the ledger that a head names; what a
// consistency proof shows is that the later ledger begins with the earlier one (P5).

/// The hashes of RFC 6962 §2.1: leaves and nodes have prefixes of their own, so that none passes for the other.
package enum Merkle {
    package static func leaf(_ content: some Collection<UInt8>) throws(CryptographyError) -> Digest {
        try Digest(of: [0x00] + content)
    }

    package static func node(_ left: Digest, _ right: Digest) throws(CryptographyError) -> Digest {
        try Digest(of: [0x01] + left.bytes + right.bytes)
    }

    /// The root of a tree without leaves.
    package static func emptyRoot() throws(CryptographyError) -> Digest { try Digest(of: []) }

    /// Whether `path` leads from the leaf at `index` to the root of a tree of `size` leaves (RFC 9162 §2.1.3.2).
    package static func includes(
        _ leaf: Digest, at index: Int64, size: Int64, path: [Digest], root: Digest
    ) throws(CryptographyError) -> Bool {
        guard index >= 0, index < size else { return false }
        var (first, last, hash) = (index, size - 1, leaf)
        for step in path {
            guard last != 0 else { return false }
            if first & 1 == 1 || first == last {
                hash = try node(step, hash)
                while first & 1 == 0, first != 0 { (first, last) = (first >> 1, last >> 1) }
            } else {
                hash = try node(hash, step)
            }
            (first, last) = (first >> 1, last >> 1)
        }
        return last == 0 && hash == root
    }

    /// Whether the tree of `size` leaves begins with that of `earlier` leaves (RFC 9162 §2.1.4.2).
    package static func isConsistent(
        earlier: Int64, _ earlierRoot: Digest, size: Int64, _ root: Digest, path: [Digest]
    ) throws(CryptographyError) -> Bool {
        guard earlier >= 0, earlier <= size else { return false }
        if earlier == size { return path.isEmpty && earlierRoot == root }
        let empty = try emptyRoot()
        if earlier == 0 { return path.isEmpty && earlierRoot == empty }
        var steps = path[...]
        if earlier & (earlier - 1) == 0 { steps = [earlierRoot] + steps }
        guard let start = steps.popFirst() else { return false }
        var (first, last) = (earlier - 1, size - 1)
        while first & 1 == 1 { (first, last) = (first >> 1, last >> 1) }
        var (old, new) = (start, start)
        for step in steps {
            guard last != 0 else { return false }
            if first & 1 == 1 || first == last {
                (old, new) = (try node(step, old), try node(step, new))
                while first & 1 == 0, first != 0 { (first, last) = (first >> 1, last >> 1) }
            } else {
                new = try node(new, step)
            }
            (first, last) = (first >> 1, last >> 1)
        }
        return last == 0 && old == earlierRoot && new == root
    }
}

/// A tree whose complete subtrees are stored. Roots and proofs take as many reads as the size has binary digits, squared
/// at worst.
package struct MerkleTree {
    package let size: Int64
    /// The hash over the leaves `place << level` to `(place + 1) << level`; level 0 holds the leaves' hashes.
    private let stored: (_ level: Int, _ place: Int64) throws -> Digest

    package init(size: Int64, stored: @escaping (_ level: Int, _ place: Int64) throws -> Digest) {
        self.size = size
        self.stored = stored
    }

    /// The root over the first `count` leaves.
    package func root(of count: Int64) throws -> Digest {
        count == 0 ? try Merkle.emptyRoot() : try hash(from: 0, count)
    }

    /// The path from the leaf at `index` to the root, the leaf's sibling first.
    package func inclusion(of index: Int64) throws -> [Digest] { try path(to: index, from: 0, size) }

    /// What shows that this tree begins with that of its first `earlier` leaves.
    package func consistency(with earlier: Int64) throws -> [Digest] {
        guard earlier > 0, earlier < size else { return [] }
        return try subproof(earlier, from: 0, size, isWhole: true)
    }

    private func hash(from start: Int64, _ count: Int64) throws -> Digest {
        if count & (count - 1) == 0 {
            let level = count.trailingZeroBitCount
            return try stored(level, start >> Int64(level))
        }
        let left = Self.split(count)
        return try Merkle.node(try hash(from: start, left), try hash(from: start + left, count - left))
    }

    private func path(to index: Int64, from start: Int64, _ count: Int64) throws -> [Digest] {
        guard count > 1 else { return [] }
        let left = Self.split(count)
        return index < left
            ? try path(to: index, from: start, left) + [try hash(from: start + left, count - left)]
            : try path(to: index - left, from: start + left, count - left) + [try hash(from: start, left)]
    }

    private func subproof(_ earlier: Int64, from start: Int64, _ count: Int64, isWhole: Bool) throws -> [Digest] {
        if earlier == count { return isWhole ? [] : [try hash(from: start, count)] }
        let left = Self.split(count)
        return earlier <= left
            ? try subproof(earlier, from: start, left, isWhole: isWhole) + [try hash(from: start + left, count - left)]
            : try subproof(earlier - left, from: start + left, count - left, isWhole: false) + [try hash(from: start, left)]
    }

    /// The largest power of two below `count`, which is at least 2.
    private static func split(_ count: Int64) -> Int64 { 1 << Int64(63 - (count - 1).leadingZeroBitCount) }
}

/// The root of a tree whose leaves come one after the other; holds one hash for each binary digit of the size.
package struct MerkleFrontier: Sendable {
    package private(set) var size: Int64 = 0
    /// Complete subtrees from left to right, each smaller than the one before.
    private var peaks: [Digest] = []

    package init() {}

    package mutating func add(_ content: some Collection<UInt8>) throws(CryptographyError) {
        var hash = try Merkle.leaf(content)
        var place = size
        while place & 1 == 1, let left = peaks.popLast() {
            hash = try Merkle.node(left, hash)
            place >>= 1
        }
        peaks.append(hash)
        size += 1
    }

    package func root() throws(CryptographyError) -> Digest {
        guard var hash = peaks.last else { return try Merkle.emptyRoot() }
        for peak in peaks.dropLast().reversed() { hash = try Merkle.node(peak, hash) }
        return hash
    }
}
