// SPDX-License-Identifier: Apache-2.0

/// A configuration file as data: the manual page in section 5 is made from it, and a test holds its keys against those
/// that the file's parser knows.
package struct FileManual: Sendable {
    package struct Key: Sendable {
        package let name: String
        /// What its value is, in capitals: `LENGTH`.
        package let value: String
        /// Sentences. What happens where an optional key is left out stands in them.
        package let help: String

        package init(_ name: String, _ value: String, _ help: String) {
            self.name = name
            self.value = value
            self.help = help
        }
    }

    /// The keys of one kind of object in the file.
    package struct Part: Sendable {
        /// `Each of entitlements`.
        package let title: String
        package let keys: [Key]

        package init(_ title: String, _ keys: [Key]) {
            self.title = title
            self.keys = keys
        }
    }

    /// The page's name: `stint-policy`.
    package let name: String
    package let summary: String
    package let discussion: String
    package let parts: [Part]
    /// Files that it is about, in full.
    package let files: [Program.Mention]

    package init(name: String, summary: String, discussion: String, parts: [Part], files: [Program.Mention] = []) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.parts = parts
        self.files = files
    }

    /// All names of keys, each once.
    package var keys: Set<String> { Set(parts.flatMap(\.keys).map(\.name)) }
}

extension FileManual {
    /// The page in mdoc(7).
    ///
    /// - Parameter date: as in 2026-03-01.
    func text(date: String) -> String {
        var lines = [".Dd \(ManualPage.longDate(date))", ".Dt \(name.uppercased()) 5", ".Os"]
        lines += [".Sh NAME", ".Nm \(name)", ".Nd \(Mdoc.inline(summary))", ".Sh DESCRIPTION"] + Mdoc.paragraphs(discussion)
        for part in parts {
            lines += [".Ss \(Mdoc.inline(part.title))", ".Bl -tag -width Ds"]
            lines += part.keys.flatMap { key in
                [".It Ic \(Mdoc.argument(key.name)) Ar \(Mdoc.argument(key.value))"] + Mdoc.sentences(key.help)
            }
            lines.append(".El")
        }
        if !files.isEmpty {
            lines += [".Sh FILES", ".Bl -tag -width Ds"]
            lines += files.flatMap { [".It Pa \(Mdoc.argument($0.name))"] + Mdoc.sentences($0.meaning) } + [".El"]
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
