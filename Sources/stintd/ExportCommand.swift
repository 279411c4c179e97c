// SPDX-License-Identifier: Apache-2.0

import Broker
import CommandLineKit
import Protocol
import Transport

struct ExportCommand: Command {
    static let declaration = CommandDeclaration(
        name: "export", group: "Looking after it", summary: "Follow the ledger and send it on",
        discussion: """
            Runs beside the broker, which neither waits for it nor knows of it. Every entry is delivered at least once and in order: \
            a cursor in the home remembers what was, and after a fault the rest is sent again.

            To a collector it sends RFC 5424 messages over TLS (RFC 5425). The collector's certificate must have its name and be \
            vouched for by --authority. At the end the connection is closed as TLS demands, and the collector is waited for.
            """,
        parameters: [
            .option("to", value: "WHERE", help: "HOST:PORT of a collector, a file, or - for standard output, which is the default."),
            .option("format", value: "FORMAT", help: "json, cef or syslog; syslog for a collector, json otherwise."),
            .option("cursor", value: "NAME", help: "One for each destination: `default` if left out."),
            .option("authority", value: "FILE", completes: .files, help: "PEM certificates that may vouch for the collector."),
            .option("name", value: "NAME", help: "The name in the collector's certificate, if not that of --to."),
            .option("certificate", value: "FILE", completes: .files, help: "Our certificate for the collector, as PEM."),
            .option("key", value: "FILE", completes: .files, help: "Its key, as PEM."),
            .flag("once", help: "Stop at the end of the ledger; otherwise follow it until SIGTERM."),
        ],
        exitStatuses: [.init(1, "Not everything was delivered.")],
        examples: [
            .init("stintd export --to siem.example.org:6514 --authority /etc/stint/siem-ca.pem --certificate /etc/stint/me.pem --key /etc/stint/me.key",
                "Follow the ledger and send it as syslog over TLS."),
            .init("stintd export --once --format cef --to /var/log/stint.cef --cursor cef", "Bring a file up to now."),
        ])

    private let home: BrokerHome
    private let format: LedgerFormat
    private let destination: LedgerExport.Destination
    private let cursor: String
    private let isOnce: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        cursor = values.value("cursor") ?? "default"
        isOnce = values.flag("once")
        destination = try Self.destination(values)
        let given = try values.value("format", expecting: "json, cef or syslog") { LedgerFormat(rawValue: $0) }
        if case .collector = destination {
            guard given != .json else {
                throw UsageError(code: "usage.value", message: "A collector takes syslog or cef, not json.", hint: "Leave --format out.")
            }
            format = given ?? .syslog
        } else {
            format = given ?? .json
        }
    }

    private static func destination(_ values: ParsedValues) throws(UsageError) -> LedgerExport.Destination {
        let to = values.value("to") ?? "-"
        if to == "-" { return .standardOutput }
        // A file is named by its path: `HOST:PORT` has no slash.
        guard !to.utf8.contains(UInt8(ascii: "/")), let endpoint = try? Endpoint(to) else { return .file(to) }
        guard let authority = values.value("authority") else {
            throw UsageError(
                code: "usage.missing", message: "The collector \(to) must be vouched for.", hint: "Add --authority FILE, or name a file as ./NAME.")
        }
        let (certificate, key) = (values.value("certificate"), values.value("key"))
        guard (certificate == nil) == (key == nil) else {
            throw UsageError(code: "usage.missing", message: "A certificate and its key belong together.", hint: "Give both --certificate and --key.")
        }
        let own = certificate.flatMap { certificate in key.map { (file: certificate, key: $0) } }
        return .collector(
            endpoint, CollectorTrust(authority: authority, name: values.value("name") ?? endpoint.host, certificate: own))
    }

    func run(in console: Console) throws -> Int32 {
        let export = try LedgerExport(home, format: format, to: destination, name: cursor)
        let last = try export.run(once: isOnce) { console.errors("stintd: \($0) It is tried again.\n") }
        console.errors("Delivered up to entry \(last).\n")
        return 0
    }
}
