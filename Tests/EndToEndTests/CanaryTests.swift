// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A listener on the metadata address of clouds, in a network of its own, and every way we know to be led there.
@Suite struct CanaryTests {
    private struct Seen: Decodable {
        /// Connections that reached the canary, and the control on a permitted address.
        let canary: Int
        let control: Int
        let tried: Int
        let statuses: [Int]
    }

    /// Runs the node's end itself, as a session does, in the network and with the names of `script`.
    @Test(.enabled(if: Programs.isRoot)) func `no spelling and no name leads to the metadata address`() async throws {
        let folder = "/tmp/stint-canary-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(Self.script.utf8).write(to: URL(fileURLWithPath: folder + "/canary.py"))
        let output = folder + "/seen.json"
        let program = try RunningProgram(
            "/usr/bin/unshare", ["--net", "--mount", "/usr/bin/env", "python3", folder + "/canary.py", Programs.agent, folder],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            streams: .files(input: "/dev/null", output: output, errors: folder + "/errors"))
        let end = try await program.waitForEnd(within: .seconds(120))
        let errors = (try? String(contentsOfFile: folder + "/errors", encoding: .utf8)) ?? ""
        try #require(end.status == 0, "\(errors)")
        let seen = try JSONDecoder().decode(Seen.self, from: Data(contentsOf: URL(fileURLWithPath: output)))
        #expect(seen.canary == 0)
        // It would have been reached: an address that is permitted was, each time.
        #expect(seen.control == 3, "\(seen) \(errors)")
        #expect(seen.tried >= 45 && seen.statuses.allSatisfy { $0 == 1 }, "\(seen)")
    }

    private static let script = #"""
        import json, os, socket, struct, subprocess, sys, threading
        agent, folder = sys.argv[1], sys.argv[2]
        run = lambda *words: subprocess.run(words, check=True)
        run('ip', 'link', 'set', 'lo', 'up')
        for address in ('169.254.169.254/32', '10.99.0.1/32', 'fd00:ec2::254/128', 'fe80::a9fe:a9fe/128'):
            run('ip', 'addr', 'add', address, 'dev', 'lo')
        names = {'innocent.example': ['169.254.169.254'], 'both.example': ['169.254.169.254', 'fd00:ec2::254'], 'six.example': ['fd00:ec2::254'],
                 'mapped.example': ['::ffff:169.254.169.254'], 'zero.example': ['0.0.0.0'], 'loop.example': ['127.0.0.1'],
                 'good.example': ['10.99.0.1'], 'mixed.example': ['169.254.169.254', '10.99.0.1']}
        with open(folder + '/hosts', 'w') as hosts:
            hosts.write('127.0.0.1 localhost\n')
            for name, addresses in names.items():
                for address in addresses: hosts.write(f'{address} {name}\n')
        run('mount', '--bind', folder + '/hosts', '/etc/hosts')
        seen = {'canary': 0, 'control': 0}
        def listen(family, address, what):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6: listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address, 80))
            listener.listen(64)
            def serve():
                while True:
                    connection, _ = listener.accept()
                    seen[what] += 1
                    connection.sendall(b'hello')
                    connection.close()
            threading.Thread(target=serve, daemon=True).start()
        for family, address, what in ((socket.AF_INET, '169.254.169.254', 'canary'), (socket.AF_INET6, 'fd00:ec2::254', 'canary'),
                                      (socket.AF_INET, '127.0.0.1', 'canary'), (socket.AF_INET, '10.99.0.1', 'control')):
            listen(family, address, what)
        def attempt(destination):
            gate, opener = os.pipe()
            report, reporter = os.pipe()
            os.write(opener, b'x')
            # Descriptors 3 and 4 of the second stage: where it reports, and its gate.
            def place():
                os.dup2(reporter, 103); os.dup2(gate, 104); os.dup2(103, 3); os.dup2(104, 4)
            child = subprocess.Popen([agent, 'enter', 'root', '', '{}', 'forward', destination], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, preexec_fn=place, close_fds=False)
            os.close(reporter); os.close(gate); os.close(opener)
            try:  # one connection, and its answer
                child.stdin.write(struct.pack('>BII', 1, 1, 0)); child.stdin.flush()
                got = b''
                while len(got) < 9 + 9 + 5:
                    piece = os.read(child.stdout.fileno(), 100)
                    if not piece: break
                    got += piece
                    if got[0] == 3: break
                child.stdin.close()
            except BrokenPipeError:
                pass
            status = child.wait(20)
            text = child.stderr.read().decode() + os.read(report, 4096).decode()
            os.close(report)
            print(destination, status, text.strip(), file=sys.stderr)
            return status
        for destination in ('10.99.0.1:80', 'good.example:80', 'mixed.example:80'): attempt(destination)
        bad = ['innocent.example:80', 'both.example:80', 'six.example:80', 'mapped.example:80', 'zero.example:80', 'loop.example:80',
               'Innocent.example:80', 'innocent.example.:80', '169.254.169.254:80', '169.254.43518:80', '169.16689662:80', '2852039166:80',
               '0xa9fea9fe:80', '0xa9.0xfe.0xa9.0xfe:80', '0251.0376.0251.0376:80', '025177524776:80', '0251.254.169.254:80', '169.254.169.0xfe:80',
               '169.254.169.254.:80', '0169.254.169.254:80', '169.254.169.254:080', '[::ffff:169.254.169.254]:80', '[::ffff:a9fe:a9fe]:80',
               '[0:0:0:0:0:ffff:a9fe:a9fe]:80', '[::169.254.169.254]:80', '[::a9fe:a9fe]:80', '[64:ff9b::169.254.169.254]:80', '[64:ff9b::a9fe:a9fe]:80',
               '[2002:a9fe:a9fe::]:80', '[fe80::a9fe:a9fe]:80', '[fe80::a9fe:a9fe%lo]:80', '[fd00:ec2::254]:80', '[fd00:0ec2::254]:80',
               '[FD00:EC2::254]:80', '0.0.0.0:80', '[::]:80', '0:80', '0x0:80', '127.1:80', '2130706433:80', '0x7f.1:80', '①⑥⑨.254.169.254:80',
               '169。254。169。254:80', '169.254.169.254\t:80', ' 169.254.169.254:80', '169.254.169.254#:80', 'x@169.254.169.254:80', '//169.254.169.254:80',
               '169.254.169.254%20:80', '0b10101001111111101010100111111110:80']
        statuses = [attempt(destination) for destination in bad]
        print(json.dumps(dict(seen, tried=len(bad), statuses=statuses)))
        """#
}
