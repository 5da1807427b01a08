import InMemoryLogging
import LatchkeyPrimitives
import LatchkeyTesting
import Logging
import Testing

@testable import ZooKeeper

@Suite("Connecting and closing", .timeLimit(.minutes(1)))
struct ConnectionServerTests {
  private func configuration(_ connectString: String) -> ZooKeeperClient.Configuration {
    var configuration = ZooKeeperClient.Configuration(connectString: connectString)
    configuration.sessionTimeout = .seconds(4)
    configuration.connectTimeout = .milliseconds(700)
    return configuration
  }

  @Test("without a server the error comes within the connect timeout and names what was tried")
  func noServer() async throws {
    let clock = ContinuousClock()
    let begin = clock.now
    let error = await #expect(throws: ZooKeeperError.self) {
      try await ZooKeeperClient.withClient(self.configuration("127.0.0.1:1,localhost:2")) { _ in }
    }
    #expect(clock.now - begin < .seconds(5))
    #expect(error?.code == .connectionLoss)
    #expect(error?.message.contains("127.0.0.1:1, localhost:2") == true)
  }

  @Test("without a server, a session timeout that makes attempts rare is named as a cause")
  func rareAttempts() async throws {
    var configuration = self.configuration("127.0.0.1:1")
    configuration.sessionTimeout = .seconds(3600)
    let error = await #expect(throws: ZooKeeperError.self) {
      try await ZooKeeperClient.withClient(configuration) { _ in }
    }
    #expect(error?.code == .connectionLoss && error?.message.contains("twenty ticks (40.0 seconds)") == true)
  }

  @Test(
    "a session timeout far below or above what the servers give is no obstacle",
    arguments: [Duration.milliseconds(1), .milliseconds(50), .seconds(86_400)]
  )
  func extremeSessionTimeout(timeout: Duration) async throws {
    try await withClient({ $0.sessionTimeout = timeout }) { client, directory in
      let given = try #require(client.currentSession).timeout
      #expect(given >= .milliseconds(400) && given <= .seconds(60))
      #expect(try await client.exists(directory) != nil)
    }
  }

  @Test("a host name that does not resolve is an error within the connect timeout, too")
  func noHost() async throws {
    let error = await #expect(throws: ZooKeeperError.self) {
      try await ZooKeeperClient.withClient(self.configuration("no-such-host.invalid:2181")) { _ in }
    }
    #expect(error?.code == .connectionLoss && error?.message.contains("no-such-host.invalid") == true)
  }

  @Test("a chroot prefixes all paths, and one that does not exist is named")
  func chroot() async throws {
    try await withClient { client, directory in
      let address = try await SharedServer.value.connectString
      try await ZooKeeperClient.withClient(self.configuration(address + directory)) { inner in
        _ = try await inner.create("/a", data: [1])
        #expect(try await inner.children(of: "/") == ["a"])
        let session = try #require(inner.currentSession)
        let reply = await answer { done in
          session.createAndScan(directory: "/", prefix: "/x-lock-", data: [], acl: .open, markers: .locks, done)
        }
        #expect(try reply.scan.get().ownIndex == 0)
        try await inner.createParents("/b/c")
      }
      #expect(try await client.children(of: directory).sorted() == ["a", "b"])
      let error = await #expect(throws: ZooKeeperError.self) {
        try await ZooKeeperClient.withClient(self.configuration(address + directory + "/none")) { _ in }
      }
      #expect(error?.code == .noNode && error?.message.contains("\(directory)/none") == true)
    }
  }

  @Test("refused credentials are an error that says so and hides them, and close the client")
  func authenticationFailed() async throws {
    var configuration = self.configuration(try await SharedServer.value.connectString)
    configuration.connectTimeout = .seconds(10)
    configuration.credentials = [.init(scheme: "no-such-scheme", credential: "bob:secret")]
    let client = try ZooKeeperClient(configuration)
    let states = Task { await client.states.reduce(into: []) { $0.append($1) } }
    let error = await #expect(throws: ZooKeeperError.self) { try await client.run() }
    #expect(error?.code == .authFailed)
    #expect(error.map { "\($0)" }?.contains("no-such-scheme") == true)
    #expect(error.map { "\($0)" }?.contains("secret") == false)
    #expect(await states.value.suffix(2) == [.authenticationFailed, .closed])
    await #expect(throws: ZooKeeperError.self) { try await client.get("/") }
  }

  @Test("the states begin with the present one and end with closed")
  func states() async throws {
    let client = try ZooKeeperClient(self.configuration(try await SharedServer.value.connectString))
    let early = Task { await client.states.reduce(into: []) { $0.append($1) } }
    let run = Task { try await client.run() }
    _ = try await client.waitForSession(within: .seconds(10))
    var iterator = client.states.makeAsyncIterator()
    #expect(await iterator.next() == .connected)
    run.cancel()
    try await run.value
    #expect(await iterator.next() == .closed)
    #expect(await iterator.next() == nil)
    let seen = await early.value
    #expect(seen.last == .closed && seen.suffix(2) == [.connected, .closed])
    #expect(await client.states.reduce(into: []) { $0.append($1) } == [.closed])
  }

  @Test("operations after the close fail at once, and closing again does no harm")
  func afterClose() async throws {
    let session = Locked<ZKSession?>(nil)
    let address = try await SharedServer.value.connectString
    let client = try await ZooKeeperClient.withClient(self.configuration(address)) { client in
      session.withLock { $0 = client.currentSession }
      return client
    }
    let error = await #expect(throws: ZooKeeperError.self) { try await client.get("/") }
    #expect(error?.code == .closed && error?.operation == "get" && error?.path == "/")
    await client.close()
    let old = try #require(session.withLock { $0 })
    #expect(await answer { old.delete("/a", $0) } == .closed)
    #expect(await answer { old.exists("/a", $0) }.code == .closed)
    #expect(
      await answer { done in
        old.createAndScan(directory: "/", prefix: "/a-lock-", data: [], acl: .open, markers: .locks, done)
      }.create.code == .closed
    )
    #expect(!old.term.isLive && !old.isConnected)
    let term: Term? = await answer { old.onLiveTerm($0) }
    #expect(term == nil)
  }

  @Test("a client that is not running says so, in the error and once in the log")
  func neverRun() async throws {
    let lines = InMemoryLogHandler()
    var configuration = self.configuration("127.0.0.1:1")
    configuration.connectTimeout = .milliseconds(100)
    configuration.logger = Logger(label: "test") { _ in lines }
    let client = try ZooKeeperClient(configuration)
    for _ in 0..<2 {
      let error = await #expect(throws: ZooKeeperError.self) { try await client.get("/") }
      #expect(error?.code == .notRunning && error?.operation == "get" && error?.path == "/")
      #expect(error?.message.contains("service group") == true && error?.message.contains("withClient") == true)
    }
    #expect(lines.entries.filter { $0.level == .warning }.count == 1)
    await client.close()
    #expect(await client.states.reduce(into: []) { $0.append($1) } == [.closed])
  }

  @Test("a running client keeps trying while the servers are not there, and who cannot wait is told in time")
  func serversComeLate() async throws {
    let server = try await SharedServer.value
    let proxy = try await FaultProxy.start(to: .init(port: server.port), framing: .zooKeeper)
    try await proxy.refuse()
    let lines = InMemoryLogHandler()
    var configuration = self.configuration(proxy.connectString)
    configuration.connectTimeout = .milliseconds(200)
    configuration.logger = Logger(label: "test") { _ in lines }
    let client = try ZooKeeperClient(configuration)
    let run = Task { try await client.run() }
    #expect(try await eventually { lines.entries.contains { $0.level == .warning } })
    let error = await #expect(throws: ZooKeeperError.self) { try await client.waitUntilReady() }
    #expect(error?.code == .connectionLoss && error?.message.contains("refuses connections") == true)
    // Nothing was sent that could have been carried out.
    #expect(error?.message.contains("may or may not") == false)
    let operation = await #expect(throws: ZooKeeperError.self) { try await client.get("/") }
    #expect(operation?.message.contains("may or may not") == false)
    try await proxy.refuse(false)
    #expect(try await eventually(within: .seconds(20)) { client.currentSession != nil })
    try await client.waitUntilReady()
    #expect(try await client.exists("/zookeeper") != nil)
    run.cancel()
    try await run.value
    await proxy.stop()
  }

  @Test("a server that closes connections at once is told apart from one that is not there")
  func full() async throws {
    try await withZooKeeper(ZooKeeperConfiguration { $0.settings = ["maxClientCnxns": "1"] }) { server in
      try await ZooKeeperClient.withClient(self.configuration(server.connectString)) { _ in
        let error = await #expect(throws: ZooKeeperError.self) {
          try await ZooKeeperClient.withClient(self.configuration(server.connectString)) { _ in }
        }
        #expect(error?.message.contains("maxClientCnxns") == true, "\(String(describing: error))")
      }
    }
  }

  @Test("a waiter for a session can be cancelled")
  func cancelledWaiter() async throws {
    var configuration = self.configuration("127.0.0.1:1")
    configuration.connectTimeout = .seconds(60)
    let client = try ZooKeeperClient(configuration)
    let task = Task { () -> ZooKeeperCode in
      do throws(ZooKeeperError) {
        _ = try await client.waitForSession(within: nil)
        return .ok
      } catch {
        return error.code
      }
    }
    task.cancel()
    #expect(await task.value == .cancelled)
    await client.close()
  }

  @Test("running a client twice traps")
  func runTwice() async {
    await #expect(processExitsWith: .failure) {
      let client = try ZooKeeperClient(.init(connectString: "127.0.0.1:1"))
      client.begin()
      client.begin()
    }
  }

  @Test("a closed session leaves no ephemeral node behind")
  func ephemeralsGo() async throws {
    try await withClient { watcher, directory in
      try await withClient { client, _ in
        _ = try await client.create("\(directory)/e", mode: .ephemeral)
      }
      #expect(try await watcher.exists("\(directory)/e") == nil)
    }
  }
}
