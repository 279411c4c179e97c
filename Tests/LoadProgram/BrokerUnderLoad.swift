// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Synchronization
import Transport

/// A `stintd serve` of our own, as a process.
struct BrokerUnderLoad: ~Copyable {
    let endpoint: Endpoint
    /// From before the program was started until it had answered its first request.
    let startTime: Duration
    /// The same until it listened.
    let listenTime: Duration
    private let process: ChildProcess
    private let pin: PublicKey

    /// Starts it and waits for its first answer, at most two minutes.
    static func start(_ stintd: String, _ scene: Scene, answering key: LoadKey) throws -> BrokerUnderLoad {
        let address = scene.path + "/address"
        if access(address, F_OK) == 0 { try DurableFile.remove(address) }
        let log = open(scene.path + "/broker.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw LoadError("the broker's log cannot be written in \(scene.path)") }
        defer { close(log) }
        var request = SpawnRequest(stintd, [stintd, "serve", "--home", scene.path, "--listen", "127.0.0.1:0"])
        request.descriptors = [.null, .descriptor(log), .descriptor(log)]
        let begin = ContinuousClock.now
        let process = try request.start()
        while access(address, F_OK) != 0 {
            guard ContinuousClock.now - begin < .seconds(120) else { throw LoadError("the broker does not listen") }
            if let status = try process.status() { throw LoadError("the broker ended with \(status): see \(scene.path)/broker.log") }
            try Pause.wait(.milliseconds(1))
        }
        let listenTime = ContinuousClock.now - begin
        var text = String(decoding: try DurableFile.read(address, maximumBytes: 256), as: UTF8.self)
        if text.last == "\n" { text.removeLast() }
        let endpoint = try Endpoint(text)
        let client = HTTPClient(
            endpoint, context: try TLSContext(clientWith: key.identity, expecting: scene.pin.bytes), timeout: .seconds(120))
        let response = try client.send(HTTPRequest(path: Route.status))
        guard response.status == 200 else { throw LoadError("the broker's first answer has status \(response.status)") }
        let startTime = ContinuousClock.now - begin
        return BrokerUnderLoad(endpoint: endpoint, startTime: startTime, listenTime: listenTime, process: process, pin: scene.pin)
    }

    private init(endpoint: Endpoint, startTime: Duration, listenTime: Duration, process: consuming ChildProcess, pin: PublicKey) {
        self.endpoint = endpoint
        self.startTime = startTime
        self.listenTime = listenTime
        self.process = process
        self.pin = pin
    }

    func client(_ key: LoadKey) throws -> HTTPClient {
        HTTPClient(endpoint, context: try TLSContext(clientWith: key.identity, expecting: pin.bytes), timeout: .seconds(60))
    }

    borrowing func memory() throws -> ProcessMemory { try ProcessMemory(of: process.pid) }

    /// Processor time since its start.
    borrowing func processorTime() throws -> Duration {
        let text = String(decoding: try DurableFile.readKernelFile("/proc/\(process.pid)/stat", maximumBytes: 4096), as: UTF8.self)
        // Behind the name, which may hold anything: the state is the first, utime and stime are the 12th and 13th.
        guard let end = text.lastIndex(of: ")") else { throw LoadError("/proc/PID/stat has no name") }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 13, let user = Int64(fields[11]), let system = Int64(fields[12]) else {
            throw LoadError("/proc/PID/stat has no times")
        }
        return .seconds(user + system) / sysconf(Int32(_SC_CLK_TCK))
    }

    /// Ends it as its unit does, and waits.
    consuming func stop() throws {
        try process.signal(.terminate)
        let status = try process.wait()
        guard status == .exited(0) else { throw LoadError("the broker ended with \(status)") }
    }

    /// That `stintd check` finds nothing in what it left.
    static func check(_ stintd: String, _ scene: Scene) throws {
        let path = scene.path + "/check.log"
        let log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw LoadError("\(path) cannot be written") }
        defer { close(log) }
        var request = SpawnRequest(stintd, [stintd, "check", "--home", scene.path])
        request.descriptors = [.null, .descriptor(log), .descriptor(log)]
        let status = try request.start().wait()
        guard status == .exited(0) else { throw LoadError("`stintd check` ended with \(status): see \(path)") }
    }
}

/// What a process takes of the machine's memory, in KiB.
struct ProcessMemory {
    /// With a share of what it shares with others.
    let proportional: Int64
    /// Its own alone, and changed.
    let privateDirty: Int64

    init(of pid: Int32) throws {
        let text = String(decoding: try DurableFile.readKernelFile("/proc/\(pid)/smaps_rollup", maximumBytes: 8192), as: UTF8.self)
        func value(_ name: String) throws -> Int64 {
            for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
                if let number = line.split(separator: " ").dropFirst().first.flatMap({ Int64($0) }) { return number }
            }
            throw LoadError("/proc/PID/smaps_rollup has no \(name)")
        }
        proportional = try value("Pss")
        privateDirty = try value("Private_Dirty")
    }

    var json: JSONValue { ["pss": .integer(proportional), "dirty": .integer(privateDirty)] }
}

/// How busy the machine is: runnable processes on average over a minute, as the kernel writes it.
enum MachineLoad {
    static func now() throws -> JSONValue {
        let text = String(decoding: try DurableFile.readKernelFile("/proc/loadavg", maximumBytes: 256), as: UTF8.self)
        return .string(String(text.prefix { $0 != " " }))
    }
}

enum Pause {
    /// What is waited for has no descriptor: a file of another process, or its memory settling.
    static func wait(_ time: Duration) throws {
        var nothing: [PollEntry] = []
        _ = try Poll.wait(&nothing, timeout: time)
    }
}

extension Duration {
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}

/// Times of the same thing.
struct Sample {
    private(set) var times: [Duration] = []

    mutating func add(_ time: Duration) { times.append(time) }
    mutating func add(_ other: Sample) { times += other.times }

    /// - Parameter thousandths: 500 for the median.
    func percentile(_ thousandths: Int) -> Duration {
        guard !times.isEmpty else { return .zero }
        return times.sorted()[min(times.count - 1, times.count * thousandths / 1000)]
    }

    var json: JSONValue {
        [
            "count": .integer(Int64(times.count)), "median": .integer(percentile(500).microseconds),
            "p99": .integer(percentile(990).microseconds), "worst": .integer(percentile(1000).microseconds),
        ]
    }
}

/// Work on threads of its own.
enum Crew {
    /// Runs `work` with each number below `count` at the same time, and returns what each returned.
    ///
    /// - Throws: the first error, when all have ended.
    static func run<Value: Sendable>(_ count: Int, _ work: @escaping @Sendable (Int) throws -> Value) throws -> [Value] {
        let tasks = try (0..<count).map { number in try Later { try work(number) } }
        return try tasks.map { try $0.value() }
    }
}

/// A value that another thread makes.
final class Later<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let done: EventCounter

    init(_ make: @escaping @Sendable () throws -> Value) throws {
        done = try EventCounter()
        try Posix.Thread.start("load", stackSize: 1024 * 1024) { [self] in
            let made = Result { try make() }
            result.withLock { $0 = made }
            done.signal()
        }
    }

    func value() throws -> Value {
        var entries = [PollEntry(done.number, .input)]
        while true {
            if let made = result.withLock({ $0 }) { return try made.get() }
            _ = try Poll.wait(&entries, timeout: nil)
        }
    }
}
