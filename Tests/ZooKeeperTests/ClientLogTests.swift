import InMemoryLogging
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import Testing

@testable import ZooKeeper

@Suite("What the C client's log says")
struct ClientLogTests {
  private let start = ContinuousClock.now

  private static func line(_ server: String, _ errno: Int32) -> String {
    "Socket \(server) zk retcode=-4, errno=\(errno)(Whatever): some words"
  }

  @Test("a server's failure is news once a minute, and again when it is another one")
  func news() {
    var failures = ConnectFailures()
    expectEqual(failures.note(Self.line("127.0.0.1:1", 111), now: self.start), true)
    expectEqual(failures.note(Self.line("127.0.0.1:1", 111), now: self.start + .seconds(30)), false)
    expectEqual(failures.note(Self.line("127.0.0.1:2", 111), now: self.start + .seconds(31)), true)
    expectEqual(failures.note(Self.line("127.0.0.1:1", 112), now: self.start + .seconds(32)), true)
    expectEqual(failures.note(Self.line("127.0.0.1:1", 112), now: self.start + .seconds(91)), false)
    expectEqual(failures.note(Self.line("127.0.0.1:1", 112), now: self.start + .seconds(92)), true)
    expectEqual(failures.note("out of memory", now: self.start), true)
  }

  @Test("failures are told apart in words, and forgotten after a minute")
  func reasons() {
    var failures = ConnectFailures()
    _ = failures.note(Self.line("127.0.0.1:1", 111), now: self.start)
    _ = failures.note(Self.line("[::1]:2", 112), now: self.start)
    _ = failures.note(Self.line("10.0.0.1:3", 110), now: self.start)
    let hosts = "127.0.0.1:1,::1:2,127.0.0.1:9"
    let reasons = failures.reasons(of: hosts, now: self.start + .seconds(59))
    #expect(reasons.count == 2)
    #expect(reasons.first == "127.0.0.1:1 refuses connections: nothing listens there")
    #expect(reasons.last?.hasPrefix("[::1]:2 closes connections at once") == true)
    #expect(reasons.last?.contains("maxClientCnxns") == true)
    #expect(failures.reasons(of: hosts, now: self.start + .seconds(60)).isEmpty)
  }

  @Test(
    "a server that closes connections is named as such, however the C client has noticed",
    // EPIPE, ECONNABORTED, ECONNRESET and EHOSTDOWN, as Linux counts them.
    arguments: [32, 103, 104, 112]
  )
  func closes(code: Int32) {
    var failures = ConnectFailures()
    _ = failures.note(Self.line("127.0.0.1:1", code), now: self.start)
    let reasons = failures.reasons(of: "127.0.0.1:1", now: self.start)
    #expect(reasons.first?.hasPrefix("127.0.0.1:1 closes connections at once") == true)
  }

  @Test("with a server down the log stays short, and no line ends with a line break")
  func short() async throws {
    let lines = InMemoryLogHandler()
    var configuration = ZooKeeperClient.Configuration(connectString: "127.0.0.1:1")
    configuration.sessionTimeout = .seconds(1)
    configuration.tick = .milliseconds(100)
    configuration.connectTimeout = .milliseconds(1500)
    configuration.logger = Logger(label: "test") { _ in
      var handler = lines
      handler.logLevel = .trace
      return handler
    }
    let error = await #expect(throws: ZooKeeperError.self) {
      try await ZooKeeperClient.withClient(configuration) { _ in }
    }
    #expect(error?.message.contains("127.0.0.1:1 refuses connections") == true)
    let own = lines.entries.filter { "\($0.message)".contains("127.0.0.1:1") }
    #expect(own.filter { $0.level >= .info }.count <= 1 && own.contains { $0.level < .info })
    #expect(lines.entries.allSatisfy { !"\($0.message)".contains("\n") })
  }
}
