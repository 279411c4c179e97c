// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

/// The tree as RFC 6962 §2.1 defines it, computed from all leaves each time.
private struct ReferenceTree {
    let leaves: [[UInt8]]

    func root() throws -> Digest { try hash(leaves[...]) }

    private func hash(_ part: ArraySlice<[UInt8]>) throws -> Digest {
        if part.isEmpty { return try Digest(of: []) }
        if part.count == 1, let only = part.first { return try Digest(of: [0] + only) }
        var left = 1
        while left * 2 < part.count { left *= 2 }
        return try Digest(of: [1] + hash(part.prefix(left)).bytes + hash(part.dropFirst(left)).bytes)
    }
}

@Suite struct MerkleTests {
    /// The leaves and roots that implementations of Certificate Transparency test with.
    private static let known: [(leaf: String, root: String)] = [
        ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ]

    private static let size: Int64 = 33

    private static func leaf(_ index: Int64) -> [UInt8] { Array("leaf \(index)".utf8) }

    private static func leaves(_ count: Int64) -> [[UInt8]] { (0..<count).map(leaf) }

    private static func reference(_ count: Int64) throws -> Digest { try ReferenceTree(leaves: leaves(count)).root() }

    private static func tree(_ size: Int64) -> MerkleTree {
        MerkleTree(size: size) { level, place in
            let first = place << Int64(level)
            return try ReferenceTree(leaves: (first..<first + (1 << Int64(level))).map(leaf)).root()
        }
    }

    @Test func `roots are those of Certificate Transparency`() throws {
        var frontier = MerkleFrontier()
        #expect(try frontier.root().hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for (leaf, root) in Self.known {
            try frontier.add(try #require(Hex.decode(leaf)))
            #expect(try frontier.root().hex == root)
        }
    }

    @Test func `stored subtrees, a growing frontier and the definition give one root`() throws {
        var frontier = MerkleFrontier()
        for size in 0...Self.size {
            #expect(try frontier.root() == Self.reference(size))
            #expect(try Self.tree(size).root(of: size) == Self.reference(size))
            try frontier.add(Self.leaf(size))
        }
    }

    @Test func `every leaf of every tree has its proof, and no other leaf, place, size or root passes with it`() throws {
        for size in 1...Self.size {
            let root = try Self.reference(size)
            for index in 0..<size {
                let path = try Self.tree(size).inclusion(of: index)
                let leaf = try Merkle.leaf(Self.leaf(index))
                func holds(_ leaf: Digest, _ index: Int64, _ size: Int64, _ path: [Digest], _ root: Digest) throws -> Bool {
                    try Merkle.includes(leaf, at: index, size: size, path: path, root: root)
                }
                #expect(try holds(leaf, index, size, path, root))
                #expect(try !holds(try Merkle.leaf(Self.leaf(size + 7)), index, size, path, root))
                #expect(try !holds(leaf, (index + 1) % (size + 1), size, path, root))
                #expect(try !holds(leaf, index, size, path + [root], root))
                #expect(try path.isEmpty || !holds(leaf, index, size, path.dropLast(), root))
                #expect(try !holds(leaf, index, size, path, try Self.reference(size + 1)))
            }
            #expect(try !Merkle.includes(root, at: -1, size: size, path: [], root: root))
            #expect(try !Merkle.includes(root, at: size, size: size, path: [], root: root))
        }
    }

    @Test func `every tree continues every earlier one, and no other root passes`() throws {
        let other = try Merkle.leaf(Array("other".utf8))
        for size in 0...Self.size {
            let root = try Self.reference(size)
            for earlier in 0...size {
                let path = try Self.tree(size).consistency(with: earlier)
                let old = try Self.reference(earlier)
                func holds(_ old: Digest, _ new: Digest, _ path: [Digest]) throws -> Bool {
                    try Merkle.isConsistent(earlier: earlier, old, size: size, new, path: path)
                }
                #expect(try holds(old, root, path))
                #expect(try !holds(other, root, path))
                #expect(try earlier == 0 || !holds(old, other, path))
                #expect(try !holds(old, root, path + [other]))
                #expect(try path.isEmpty || !holds(old, root, path.dropLast()))
                for index in path.indices {
                    var changed = path
                    changed[index] = other
                    #expect(try !holds(old, root, changed))
                }
            }
            let after = try Self.reference(size + 1)
            #expect(try !Merkle.isConsistent(earlier: size + 1, after, size: size, root, path: []))
        }
    }
}
