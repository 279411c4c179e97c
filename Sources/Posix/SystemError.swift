// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// What went wrong in a call to the system, or why we refused to make it.
///
/// It has the three properties of an error that reaches people (`code`, `message`, `hint`), but does not know
/// the protocol: this target imports nothing of ours.
package struct SystemError: Error, Equatable, Sendable {
    /// The system call, or our own verb where we refused before calling.
    package let call: String
    /// The error number of the system; for a refusal of ours the number that fits best.
    package let errno: Int32
    /// The path, user or program that the call was about.
    package let subject: String?
    /// Set where the error number alone would not tell people what to do.
    package let refusal: Refusal?

    package init(call: String, errno: Int32, subject: String? = nil) {
        self.call = call
        self.errno = errno
        self.subject = subject
        refusal = nil
    }

    init(_ refusal: Refusal, in call: String, about subject: String) {
        self.call = call
        self.subject = subject
        self.refusal = refusal
        errno = refusal.errno
    }

    /// The descriptor is non-blocking, and there is nothing to read or no room to write now.
    package var wouldBlock: Bool { errno == EAGAIN && refusal == nil }
}

extension SystemError {
    /// A reason of ours to refuse, each with its own code.
    package enum Refusal: Equatable, Sendable {
        case containsNul
        case openToOthers(mode: UInt32, isDirectory: Bool)
        case ownedByAnother(owner: UInt32)
        case parentWritableByOthers(parent: String)
        case notRegularFile
        case notDirectory
        case tooLarge(limit: Int)
        case inUse(byProcess: Int32?)
        case invalidUserName
        case unknownUser
        case privilegesKept(String)
        case badDescriptorList
        case noControlGroup(String)

        var errno: Int32 {
            switch self {
            case .containsNul, .invalidUserName, .badDescriptorList: EINVAL
            case .openToOthers, .ownedByAnother, .parentWritableByOthers, .privilegesKept: EPERM
            case .notRegularFile, .notDirectory, .noControlGroup: ENOTSUP
            case .tooLarge: EFBIG
            case .inUse: EBUSY
            case .unknownUser: ENOENT
            }
        }
    }
}

extension SystemError {
    /// Stable, for scripts: `system.` and the name of the error number in lower case, or the name of the refusal.
    package var code: String {
        switch refusal {
        case nil: "system." + (Self.name(of: errno)?.lowercased() ?? "errno-\(errno)")
        case .containsNul: "system.contains-nul"
        case .openToOthers: "system.open-to-others"
        case .ownedByAnother: "system.owned-by-another"
        case .parentWritableByOthers: "system.parent-writable-by-others"
        case .notRegularFile: "system.not-a-file"
        case .notDirectory: "system.not-a-directory"
        case .tooLarge: "system.too-large"
        case .inUse: "system.in-use"
        case .invalidUserName: "system.invalid-user-name"
        case .unknownUser: "system.unknown-user"
        case .privilegesKept: "system.privileges-kept"
        case .badDescriptorList: "system.bad-descriptor-list"
        case .noControlGroup: "system.no-control-group"
        }
    }

    package var message: String {
        let subject = subject ?? "?"
        switch refusal {
        case nil:
            let place = self.subject.map { " " + $0 } ?? ""
            return "\(call)\(place): \(Self.description(of: errno))."
        case .containsNul: return "“\(subject)” contains a NUL byte."
        case .openToOthers(let mode, let isDirectory):
            let kind = isDirectory ? "directory" : "file"
            return "The \(kind) \(subject) is open to other users (mode \(Self.octal(mode)))."
        case .ownedByAnother(let owner): return "\(subject) belongs to another user (uid \(owner))."
        case .parentWritableByOthers(let parent):
            return "\(subject) is not safe: every user may write to \(parent), which it is in."
        case .notRegularFile: return "\(subject) is not a regular file."
        case .notDirectory: return "\(subject) is not a directory."
        case .tooLarge(let limit): return "\(subject) is larger than \(limit) bytes."
        case .inUse(.some(let process)): return "\(subject) is in use by process \(process)."
        case .inUse(nil): return "\(subject) is in use by another process."
        case .invalidUserName: return "“\(subject)” is not a user name."
        case .unknownUser: return "This machine has no user “\(subject)”."
        case .privilegesKept(let what): return "The process could not become \(subject): \(what)."
        case .badDescriptorList: return "The descriptors for \(subject) cannot be arranged."
        case .noControlGroup(let reason): return "There can be no control group: \(reason)."
        }
    }

    package var hint: String? {
        let subject = subject ?? "?"
        switch refusal {
        case .openToOthers(_, let isDirectory): return "Run: chmod \(isDirectory ? "700" : "600") \(subject)"
        case .ownedByAnother: return "Run the program as that user, or take the file over with chown."
        case .parentWritableByOthers(let parent): return "Run: chmod o-w \(parent)"
        case .inUse: return "Stop the other process first, or use another directory (--home)."
        case .invalidUserName: return "A name has 1 to 32 of a-z, 0-9, _ and -, and does not start with a digit or -."
        case .unknownUser: return "Check the spelling with: getent passwd"
        case .noControlGroup: return "Sessions are ended by walking their processes; this needs no action."
        case .containsNul, .notRegularFile, .notDirectory, .tooLarge, .privilegesKept, .badDescriptorList: return nil
        case nil: break
        }
        switch errno {
        case EACCES, EPERM: return "Check who you are and the permissions of what is named here."
        case EMFILE, ENFILE: return "Raise the limit of open files (ulimit -n, or LimitNOFILE= of the unit)."
        case ENOSPC, EDQUOT: return "Free some space on the disk."
        case EROFS: return "The disk is mounted read-only."
        default: return nil
        }
    }

    /// The name without allocation of shared state, `ENOENT` for 2.
    private static func name(of errno: Int32) -> String? {
        strerrorname_np(errno).map { String(cString: $0) }
    }

    private static func description(of errno: Int32) -> String {
        strerrordesc_np(errno).map { String(cString: $0) } ?? "error \(errno)"
    }

    private static func octal(_ mode: UInt32) -> String {
        let digits = String(mode & 0o7777, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}

/// Makes a system call again for as long as a signal interrupts it, and throws when it fails.
@inline(__always)
@discardableResult
func check<Result: SignedInteger>(
    _ call: String, _ subject: String? = nil, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let number = Glibc.errno
        if number != EINTR { throw SystemError(call: call, errno: number, subject: subject) }
    }
}

/// For calls that return the error number: `pthread_*`, `posix_spawn*`, `getpwnam_r`.
func checkNumber(_ call: String, _ subject: String? = nil, _ body: () -> Int32) throws(SystemError) {
    let number = body()
    guard number == 0 else { throw SystemError(call: call, errno: number, subject: subject) }
}

/// C strings end at a NUL, so a text with one would name something else than it shows.
func refuseNul(_ text: String, in call: String) throws(SystemError) {
    guard !text.utf8.contains(0) else { throw SystemError(.containsNul, in: call, about: text) }
}
