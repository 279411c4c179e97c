// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix

/// The system's tar(1), at either end of a copy.
struct Archiver {
    private let path: String

    private static let places = ["/usr/bin/tar", "/bin/tar"]

    /// - Throws: ``CarriageError/archiverMissing`` where the machine has none.
    init() throws(CarriageError) {
        guard let path = Self.places.first(where: { access($0, X_OK) == 0 }) else { throw .archiverMissing }
        self.path = path
    }

    /// Begins. Its complaints go to our standard error.
    func start(_ arguments: [String], input: SpawnRequest.Source, output: SpawnRequest.Source) throws(CarriageError) -> ChildProcess {
        // Options of the user's own would change what the words mean.
        let environment = Environment.all.filter { $0.name != "TAR_OPTIONS" }
        var request = SpawnRequest(path, ["tar"] + arguments, environment: environment)
        request.descriptors = [input, output, .descriptor(2)]
        return try CarriageError.of { () throws(SystemError) in try request.start() }
    }

    /// - Throws: ``CarriageError/archiveFailed(status:)`` unless it ended well.
    static func collect(_ child: borrowing ChildProcess) throws(CarriageError) {
        let status = try status(of: child)
        guard status == .exited(0) else { throw .archiveFailed(status: status.shellCode) }
    }

    static func status(of child: borrowing ChildProcess) throws(CarriageError) -> ExitStatus {
        do throws(SystemError) { return try child.wait() } catch { throw .system(error) }
    }
}
