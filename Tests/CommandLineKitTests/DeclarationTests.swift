// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

private struct Faulty<Kind: Fault>: Command {
    static var declaration: CommandDeclaration { Kind.declaration }
    init(_ values: ParsedValues) throws(UsageError) {}
    func run(in console: Console) throws -> Int32 { 0 }
}

private protocol Fault: SendableMetatype { static var declaration: CommandDeclaration { get } }

private func faults<Kind: Fault>(_ kind: Kind.Type) -> [String] {
    Program(name: "p", summary: "A program", version: "1", date: "2026-01-01", nodes: [.command(Faulty<Kind>.self)]).faults
}

struct DeclarationTests {
    @Test func `a sound program has no faults`() {
        #expect(Program.sample.faults.isEmpty)
    }

    @Test func `a parameter that does not explain itself is a fault`() {
        enum Silent: Fault {
            static let declaration = CommandDeclaration(
                name: "c", group: "G", summary: "S",
                parameters: [.flag("a", help: ""), .flag("b", help: "lower case."), .flag("c", help: "No stop")])
        }
        #expect(faults(Silent.self) == ["a", "b", "c"].map { "p c: --\($0) is not explained in a sentence." })
    }

    @Test func `two parameters of one spelling are a fault`() {
        enum Double: Fault {
            static let declaration = CommandDeclaration(
                name: "c", group: "G", summary: "S",
                parameters: [.flag("json", help: "Again."), .flag("host", "h", help: "Takes the letter of help.")])
        }
        #expect(faults(Double.self) == [
            "p c: two options are spelled --json.", "p c: two options are spelled -h.",
            "p c: two parameters are called json.",
        ])
    }

    @Test func `a word that cannot be told from the one before it is a fault`() {
        enum Ambiguous: Fault {
            static let declaration = CommandDeclaration(
                name: "c", group: "G", summary: "S",
                parameters: [
                    .positional("a", value: "A", .optional, help: "One."), .positional("b", value: "B", help: "Two."),
                    .positional("c", value: "C", .any, help: "Three."), .positional("d", value: "D", .any, help: "Four."),
                ])
        }
        #expect(faults(Ambiguous.self) == ["B", "D"].map { "p c: \($0) can never be told from the word before it." })
    }

    @Test func `an example that does not parse is a fault`() {
        enum Stale: Fault {
            static let declaration = CommandDeclaration(
                name: "c", group: "G", summary: "S",
                examples: [.init("p c --gone", "X."), .init("q c", "X."), .init("p c 'open", "X."), .init("p c > out", "X.")])
        }
        #expect(faults(Stale.self) == [
            "p c --gone: There is no option `--gone` here.", "q c: not a call of p.", "p c 'open: not a call of p.",
        ])
    }

    @Test func `an option that takes a value only in some commands is a fault`() {
        enum Bare: Fault {
            static let declaration = CommandDeclaration(
                name: "bare", group: "G", summary: "S", parameters: [.flag("reason", help: "A flag here.")])
        }
        let program = Program(
            name: "p", summary: "A program", version: "1", date: "2026-01-01",
            nodes: [.command(Faulty<Bare>.self), .command(ExecCommand.self), .command(ExecCommand.self)])
        #expect(program.faults == [
            "p: two commands are called exec.", "p: --reason takes a value in one command and none in another.",
        ])
    }

    @Test func `asking for what is not declared stops the program`() async {
        await #expect(processExitsWith: .failure) {
            struct Careless: Command {
                static let declaration = CommandDeclaration(name: "c", group: "G", summary: "S")
                init(_ values: ParsedValues) throws(UsageError) { _ = values.value("undeclared") }
                func run(in console: Console) throws -> Int32 { 0 }
            }
            let program = Program(
                name: "p", summary: "A program", version: "1", date: "2026-01-01", nodes: [.command(Careless.self)])
            _ = program.main(arguments: ["c"], console: Console(output: { _ in }, errors: { _ in }))
        }
    }
}
