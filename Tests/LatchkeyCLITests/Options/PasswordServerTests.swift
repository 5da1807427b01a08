import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("Passwords and certificates from wherever they are", .timeLimit(.minutes(2)))
struct PasswordServerTests {
  private static let secret = "hunter2"

  @Test("a password is read from a regular file, a pipe, standard input and a FIFO, and forgiven its newline")
  func sources() async throws {
    try await withRedis(RedisConfiguration { $0.password = Self.secret }) { server in
      let folder = try TemporaryFolder()
      defer { folder.remove() }
      let url = "redis://\(server.connectString)/x"
      try write(Self.secret + "\r\n", to: folder.file("regular"))
      #expect(mkfifo(folder.file("fifo"), 0o600) == 0)
      let calls = [
        "\"$0\" run --try --password-file \"$2/regular\" \"$1\" -- echo ran",
        "\"$0\" run --try --password-file <(printf 'hunter2\\n') \"$1\" -- echo ran",
        "printf hunter2 | \"$0\" run --try --password-file /dev/stdin \"$1\" -- echo ran",
        "(sleep 0.05; echo hunter2 >\"$2/fifo\") & \"$0\" run --try --password-file \"$2/fifo\" \"$1\" -- echo ran",
        "LATCHKEY_PASSWORD='hunter2\n' \"$0\" run --try \"$1\" -- echo ran",
        // Read once, used for each of several processes.
        "\"$0\" bench --no-local --quick --workload uncontended --quiet \"$1\" \"$1\" --password-file <(echo hunter2) >&2 && echo ran",
      ]
      for call in calls {
        let arguments = ["bash", "-c", call, Latchkey.path, url, folder.path]
        let (lines, end) = try await run(arguments, settings: ["LATCHKEY_PASSWORD": nil])
        #expect(lines.last == "ran" && end == .exited(0), "\(call): \(lines)")
      }
    }
  }

  @Test(
    "a password file that cannot be read says why, and shows no password",
    arguments: [
      ("/nonexistent/x", "No such file"), ("/", "directory"), ("/dev/null", "is empty"), ("/dev/zero", "too long"),
      ("TWO", "more than one line"), ("BYTES", "UTF-8"),
    ]
  )
  func refused(file: String, reason: String) async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    try write(Self.secret + "\n" + Self.secret + "\n", to: folder.file("TWO"))
    let bytes = open(folder.file("BYTES"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    _ = Glibc.write(bytes, [UInt8](Self.secret.utf8) + [0xff], 8)
    close(bytes)
    let path = file.contains("/") ? file : folder.file(file)
    let outcome = try await Latchkey.call("inspect", "redis://127.0.0.1:1/x", "--password-file", path)
    #expect(outcome.status == 64 && outcome.errors.count == 1)
    #expect(outcome.errorText.contains(reason), "\(outcome.errorText)")
    #expect(!outcome.errorText.contains(Self.secret))
  }

  @Test("certificates and keys are read from pipes, in one process and in two")
  func certificates() async throws {
    let configuration = RedisConfiguration {
      $0.tls = true
      $0.asksForClientCertificate = true
    }
    try await withRedis(configuration) { server in
      let url = "rediss://127.0.0.1:\(try #require(server.tlsPort))/x"
      let client = try #require(server.clientCertificate)
      let files = [try #require(server.authorityFile), client.file, client.keyFile]
      let call = """
        "$0" contend "$1" --processes "$5" --workers 1 --count 2 --quiet --json \
          --ca-file <(cat "$2") --cert-file <(cat "$3") --key-file <(cat "$4") >&2 && echo good
        """
      for processes in ["1", "2"] {
        let (lines, end) = try await run(["bash", "-c", call, Latchkey.path, url] + files + [processes])
        #expect(lines.last == "good" && end == .exited(0), "\(lines)")
      }
    }
  }
}
