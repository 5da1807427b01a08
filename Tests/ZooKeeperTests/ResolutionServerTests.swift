import Foundation
import InMemoryLogging
import LatchkeyPrimitives
import LatchkeyTesting
import Logging
import Testing

@testable import ZooKeeper

@Suite("Names and addresses of servers", .timeLimit(.minutes(1)))
struct ResolutionServerTests {
  /// A name server under the control of the test.
  private final class Names: Sendable {
    private struct State {
      /// By host; `""` stands for every other host. nil: no answer yet.
      var answers: [String: Result<[String], HostResolver.Failure>?] = ["": .success(["127.0.0.1"])]
      var questions = 0
      var open: [String] = []
    }

    private let state = Locked(State())

    var questions: Int { self.state.withLock { $0.questions } }

    /// The hosts that are being asked for and not answered, each as often as it is asked for.
    var open: [String] { self.state.withLock { $0.open } }

    func set(_ answer: Result<[String], HostResolver.Failure>?, for host: String = "") {
      self.state.withLock { $0.answers[host] = .some(answer) }
    }

    /// Answers every question, so that no thread is left behind.
    func end() {
      self.state.withLock { $0.answers = ["": ResolutionServerTests.unknown] }
    }

    var resolver: HostResolver {
      HostResolver { host in
        self.state.withLock { state in
          state.questions += 1
          state.open.append(host)
        }
        while true {
          let answer = self.state.withLock { state -> Result<[String], HostResolver.Failure>? in
            guard let answer = state.answers[host] ?? state.answers[""] ?? nil else { return nil }
            if let index = state.open.firstIndex(of: host) { state.open.remove(at: index) }
            return answer
          }
          if let answer { return answer }
          Thread.sleep(forTimeInterval: 0.005)
        }
      }
    }
  }

  private static let unknown = Result<[String], HostResolver.Failure>.failure(.init("Name or service not known"))

  private func configuration(_ servers: String, _ names: Names) -> ZooKeeperClient.Configuration {
    var configuration = ZooKeeperClient.Configuration(connectString: servers)
    configuration.tick = .milliseconds(200)
    configuration.sessionTimeout = .seconds(4)
    configuration.resolver = names.resolver
    return configuration
  }

  @Test("a server is reached by its IPv6 address")
  func ipv6() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper, host: "::1")
    #expect(proxy.connectString.hasPrefix("[::1]:"))
    try await ZooKeeperClient.withClient(.init(connectString: proxy.connectString)) { client in
      _ = try await client.get("/zookeeper")
    }
    // The loopback interface comes first on every system.
    let withInterface = proxy.connectString.replacing("[::1]", with: "[::1%1]")
    try await ZooKeeperClient.withClient(.init(connectString: withInterface)) { client in
      _ = try await client.get("/zookeeper")
    }
    // Beside a server of another family, too: both are tried.
    var configuration = ZooKeeperClient.Configuration(servers: ["127.0.0.1:1", proxy.connectString])
    configuration.allowsStandaloneServers = true
    try await ZooKeeperClient.withClient(configuration) { client in
      _ = try await client.get("/zookeeper")
    }
    await proxy.stop()
  }

  @Test("a name that is not known yet, or leads to the wrong place, is asked for again until it leads to a server")
  func late() async throws {
    let server = try await SharedServer.value
    let names = Names()
    names.set(Self.unknown)
    let client = try ZooKeeperClient(self.configuration("zk.test:\(server.port)", names))
    async let run: Void = client.run()
    #expect(try await eventually { names.questions >= 2 })
    // Nothing listens there.
    names.set(.success(["127.0.0.2"]))
    #expect(try await eventually { client.state.withLock { $0.session } != nil })
    names.set(.success(["127.0.0.1"]))
    let session = try await client.waitForSession(within: .seconds(20))
    #expect(session.generation == 1)
    await client.close()
    try await run
  }

  @Test("a name server that does not answer keeps no server from being used whose address is known")
  func silentBesideAddress() async throws {
    let server = try await SharedServer.value
    let names = Names()
    names.set(nil)
    defer { names.end() }
    var configuration = self.configuration("slow.test:2181,127.0.0.1:\(server.port)", names)
    configuration.allowsStandaloneServers = true
    try await ZooKeeperClient.withClient(configuration) { client in
      _ = try await client.get("/zookeeper")
      #expect(names.open == ["slow.test"] && names.questions == 1)
    }
  }

  @Test("a name that is answered does not wait for one that is not")
  func silentBesideName() async throws {
    let server = try await SharedServer.value
    let names = Names()
    names.set(nil, for: "slow.test")
    defer { names.end() }
    var configuration = self.configuration("slow.test:2181,zk.test:\(server.port)", names)
    configuration.allowsStandaloneServers = true
    try await ZooKeeperClient.withClient(configuration) { client in
      _ = try await client.get("/zookeeper")
      #expect(names.open == ["slow.test"])
    }
  }

  @Test("an address that comes late is tried by the session that could not wait for it")
  func comesLate() async throws {
    let server = try await SharedServer.value
    let names = Names()
    names.set(nil)
    defer { names.end() }
    // Nothing listens on port 1.
    var configuration = self.configuration("127.0.0.1:1,slow.test:\(server.port)", names)
    configuration.allowsStandaloneServers = true
    let client = try ZooKeeperClient(configuration)
    async let run: Void = client.run()
    #expect(try await eventually { client.state.withLock { $0.session } != nil })
    #expect(names.open == ["slow.test"])
    names.set(.success(["127.0.0.1"]))
    let session = try await client.waitForSession(within: .seconds(20))
    #expect(session.generation == 1)
    await client.close()
    try await run
  }

  @Test("an address that comes while the session is connected is used when the connection is lost")
  func comesWhileConnected() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    let names = Names()
    names.set(nil)
    defer { names.end() }
    var configuration = self.configuration("127.0.0.1:\(proxy.port),slow.test:\(server.port)", names)
    configuration.sessionTimeout = .seconds(20)
    configuration.allowsStandaloneServers = true
    try await ZooKeeperClient.withClient(configuration) { client in
      let session = try #require(client.currentSession)
      names.set(.success(["127.0.0.1"]), for: "slow.test")
      #expect(try await eventually { client.state.withLock { $0.addresses.hosts }.contains(":\(server.port)") })
      // The next question gets no answer any more.
      names.set(nil, for: "slow.test")
      try await proxy.refuse()
      await proxy.reset()
      // From here on the loss has been noticed.
      #expect(try await eventually { names.open == ["slow.test"] })
      let resumed = try await client.waitForSession(within: .seconds(20))
      #expect(resumed === session)
      _ = try await client.get("/zookeeper")
    }
    await proxy.stop()
  }

  @Test("names that stop resolving cost next to nothing, leave no request hanging, and the session is resumed")
  func vanished() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    let names = Names()
    let lines = InMemoryLogHandler()
    var configuration = self.configuration("zk.test:\(proxy.port)", names)
    configuration.sessionTimeout = .seconds(20)
    configuration.logger = Logger(label: "test") { _ in lines }
    try await ZooKeeperClient.withClient(configuration) { client in
      let session = try #require(client.currentSession)
      names.set(Self.unknown)
      try await proxy.refuse()
      await proxy.reset()
      let asked = names.questions
      #expect(try await eventually { names.questions >= asked + 3 })
      // Each is answered by the next failed attempt to connect.
      for _ in 0..<10 {
        let code = await answer { session.exists("/", $0) }.code
        #expect(code == .connectionLoss)
      }
      #expect(names.questions <= asked + 6)
      #expect(lines.entries.filter { $0.level >= .info }.count < 10)
      #expect(lines.entries.filter { "\($0.metadata)".contains("cannot resolve zk.test") }.count == 1)
      try await proxy.refuse(false)
      let resumed = try await client.waitForSession(within: .seconds(20))
      #expect(resumed === session)
    }
    await proxy.stop()
  }

  @Test("that no name can be resolved is said in words")
  func words() async throws {
    let names = Names()
    names.set(Self.unknown)
    var configuration = self.configuration("zk.test:2181", names)
    configuration.connectTimeout = .milliseconds(300)
    let error = await #expect(throws: ZooKeeperError.self) {
      try await ZooKeeperClient.withClient(configuration) { _ in }
    }
    #expect(
      error?.message.contains("cannot resolve zk.test: Name or service not known") == true,
      "\(String(describing: error))"
    )
    names.set(nil, for: "slow.test")
    defer { names.end() }
    configuration.servers.append("slow.test:2181")
    let second = await #expect(throws: ZooKeeperError.self) {
      try await ZooKeeperClient.withClient(configuration) { _ in }
    }
    #expect(
      second?.message.contains(
        "cannot resolve zk.test: Name or service not known; the name server has not answered for slow.test"
      ) == true,
      "\(String(describing: second))"
    )
  }
}
