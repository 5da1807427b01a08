import InMemoryLogging
import Latchkey
import LatchkeyTesting
import Logging
import Testing

@testable import ZooKeeper

@Suite("Names and addresses of servers", .timeLimit(.minutes(1)))
struct ResolutionTests {
  /// A name server under the control of the test.
  private final class Names: Sendable {
    private let state = Locked((answer: Result<[String], HostResolver.Failure>.success(["127.0.0.1"]), questions: 0))

    var questions: Int { self.state.withLock { $0.questions } }

    func set(_ answer: Result<[String], HostResolver.Failure>) {
      self.state.withLock { $0.answer = answer }
    }

    var resolver: HostResolver {
      HostResolver { _ in
        self.state.withLock { state in
          state.questions += 1
          return state.answer
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
  }
}
