// SPDX-License-Identifier: Apache-2.0

/// An error that reaches people: what happened, in a form for scripts and in a form for readers.
///
/// Each layer has its own small enum that conforms; one function at the boundary shows them.
package protocol Explainable: Error {
    /// Stable name for scripts, `area.what-happened`. Never renamed, never reused.
    var code: String { get }

    /// A sentence without blame that shows the value that was wrong.
    var message: String { get }

    /// What the reader can do about it, when there is something.
    var hint: String? { get }
}
