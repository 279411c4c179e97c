// SPDX-License-Identifier: Apache-2.0

/// What is wrong in a file that a person wrote, and where.
package struct ConfigurationError: Explainable, Equatable {
    /// As the caller named the file, for display only.
    package let file: String
    /// From 1.
    package let line: Int
    /// From 1, in Unicode scalars.
    package let column: Int
    package let code: String
    package let message: String
    package let hint: String?

    init(_ error: JSONError, file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
        self.code = "configuration" + error.code.dropFirst("json".count)
        let subject =
            switch error.path {
            case let path? where !path.isEmpty: path.quotedForMessage + ": "
            default: ""
            }
        self.message = "\(file):\(line):\(column): \(subject)\(error.sentence)"
        self.hint = error.hint
    }
}
