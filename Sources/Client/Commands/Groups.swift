// SPDX-License-Identifier: Apache-2.0

/// The headings of the overview, in its order (DESIGN 10).
enum Groups {
    static let asking = "Asking"
    static let deciding = "Deciding"
    static let working = "Working"
    static let looking = "Looking"
    static let policy = "Policy"
    static let enrolling = "People and nodes"
}
