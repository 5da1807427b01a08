#if Etcd
import InMemoryLogging
import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import Testing

@testable import LatchkeyEtcd

@Suite("An etcd client", .serialized, .timeLimit(.minutes(5)))
struct ConnectionServerTests {
  private static func error(_ change: (inout EtcdClient.Configuration) -> Void) async throws -> EtcdError? {
    var configuration = EtcdClient.Configuration(endpoints: ["127.0.0.1:1"])
    configuration.connectTimeout = .seconds(2)
    change(&configuration)
    do {
      try await EtcdClient.withClient(configuration) { _ in }
      return nil
    } catch let error as EtcdError {
      return error
    }
  }

  @Test("says what it has tried when no server is there, within the connect timeout")
  func nobody() async throws {
    let start = ContinuousClock.now
    let error = try #require(try await Self.error { $0.endpoints = ["127.0.0.1:1", "127.0.0.1:2"] })
    #expect(error.code == .unreachable)
    #expect(error.message.contains("127.0.0.1:1") && error.message.contains("127.0.0.1:2"))
    #expect(ContinuousClock.now - start < .seconds(6))
  }

  @Test("goes on to the next endpoint when the first is dead")
  func failOver() async throws {
    let endpoint = try await TestServers.shared.value.endpoints[0]
    let error = try await Self.error { $0.endpoints = ["127.0.0.1:1", endpoint] }
    #expect(error == nil)
  }

  @Test("refuses a configuration that cannot work", arguments: ["", "host:port", "a:b:c", "host:70000"])
  func configuration(endpoint: String) async throws {
    #expect(try await Self.error { $0.endpoints = [endpoint] }?.code == .invalidConfiguration)
  }

  @Test("makes more calls in a second than HTTP/2 takes PINGs for an attack")
  func pings() async throws {
    try await TestClient.with(try await TestServers.shared.value) { client in
      let lock = client.lock(try uniqueName())
      for _ in 0..<300 { try await lock.acquire(within: .seconds(5)).release() }
      #expect(await client.proxies[0].counters.accepted == 1)
    }
  }

  /// A server that knows the user `worker`, who may use what begins with `app/`, and whose tokens run out quickly.
  private static func withUsers(_ body: (EtcdServer) async throws -> Void) async throws {
    try await withEtcd(EtcdConfiguration { $0.options = ["--auth-token-ttl=1"] }) { server in
      for command in ["user add root:secret", "user add worker:pass", "role add locks"] {
        _ = try await Etcdctl.run(command.split(separator: " ").map(String.init), endpoint: server.endpoint)
      }
      let grants = [
        ["role", "grant-permission", "locks", "--prefix=true", "readwrite", "app/"],
        ["user", "grant-role", "worker", "locks"], ["user", "grant-role", "root", "root"], ["auth", "enable"],
      ]
      for command in grants { _ = try await Etcdctl.run(command, endpoint: server.endpoint) }
      try await body(server)
    }
  }

  private static func worker(_ configuration: inout EtcdClient.Configuration) {
    configuration.credentials = .init(user: "worker", password: "pass")
  }

  @Test("a user with a wrong password is told so at once; with the right one, a token that runs out is renewed")
  func users() async throws {
    try await Self.withUsers { server in
      let refused = try await Self.error {
        $0.endpoints = [server.endpoint]
        $0.credentials = .init(user: "worker", password: "wrong")
      }
      #expect(refused?.code == .notAuthorized)
      #expect(refused?.message.contains("wrong") == false)
      let nobody = try await Self.error { $0.endpoints = [server.endpoint] }
      #expect(nobody == nil || nobody?.code == .notAuthorized)

      // Nothing is sent again for want of an answer.
      let change = { @Sendable (configuration: inout EtcdClient.Configuration) in
        Self.worker(&configuration)
        configuration.requestTimeout = .seconds(60)
      }
      let servers = TestServers(members: [server])
      try await TestClient.with(servers, sessionTimeout: .seconds(90), change: change) { client in
        let lock = client.lock("app/orders")
        let lease = try await lock.acquire(within: .seconds(5))
        // Longer than a token lives that nobody uses. Nothing tells when it has run out: whoever asks prolongs it.
        try await Task.sleep(for: .seconds(3))
        #expect(lease.held.isHeld)
        try await lease.release()
        try await lock.acquire(within: .seconds(5)).release()
        #expect(await failure(of: client.lock("other"), within: .seconds(5))?.code == .notAuthorized)
        // What is allowed is not refused for the sake of others that are asked for at the same time, nor the other way round:
        // the server does not look into a transaction inside a transaction. So they go side by side.
        let isTxn: @Sendable (FaultProxy.Frame) -> Bool = { $0.grpcMethod == EtcdMethods.txn.path }
        let held = await client.proxies[0].holdReply(matching: isTxn)
        let sent = await client.proxies[0].watch(.clientToServer) { frame in
          isTxn(frame) && RequestBytes.entersQueue(frame.bytes)
        }
        let first = Task { try await client.lock("app/first").acquire(within: .seconds(10)).release() }
        try await held.struck()
        let allowed = Task { try await lock.acquire(within: .seconds(10)).release() }
        let denied = Task { await failure(of: client.lock("another"), within: .seconds(10)) }
        try await sent.struck(3)
        await held.remove()
        try await first.value
        try await allowed.value
        #expect(await denied.value?.code == .notAuthorized)
      }
    }
  }

  @Test("a lock can be waited for when the token that the watches began with has run out; what is forbidden is told")
  func watchesOfUsers() async throws {
    try await Self.withUsers { server in
      let servers = TestServers(members: [server])
      try await TestClient.with(servers, sessionTimeout: .seconds(10), change: Self.worker) { first in
        try await TestClient.with(servers, sessionTimeout: .seconds(10), change: Self.worker) { second in
          let name: LockName = "app/orders"
          let holder = try await first.lock(name).acquire(within: .seconds(5))
          // The stream of watches is opened, with the token of now.
          #expect(await failure(of: second.lock(name), within: .milliseconds(500))?.code == .timedOut)
          // Longer than a token lives that nobody uses. Nothing tells when it has run out: whoever asks prolongs it.
          try await Task.sleep(for: .seconds(3))
          let waiter = Task { try await second.lock(name).acquire(within: .seconds(10)).release() }
          try await eventuallyTrue(within: .seconds(5)) { try await first.keys("\(name)/").count == 2 }
          try await holder.release()
          try await waiter.value

          let refusal = Shared<[EtcdError]>([])
          let isSet = Shared(false)
          _ = second.client.watches.add(.deletion(Array("other/key".utf8))) { event in
            if case .refused(let error) = event { refusal.change { $0.append(error) } }
          }
          try await eventuallyTrue(within: .seconds(5)) { !refusal.value.isEmpty }
          // Nobody else suffers from it.
          _ = second.client.watches.add(.deletion(Array("app/key".utf8))) { event in
            if case .set = event { isSet.change { $0 = true } }
          }
          try await eventuallyTrue(within: .seconds(5)) { isSet.value }
          #expect(refusal.value.map(\.code) == [.notAuthorized])
          // What was refused with a new token is not asked for with another so soon.
          let token = second.client.connections.state.withLock { $0.token }
          _ = second.client.watches.add(.deletion(Array("other/next".utf8))) { event in
            if case .refused(let error) = event { refusal.change { $0.append(error) } }
          }
          try await eventuallyTrue(within: .seconds(5)) { refusal.value.count == 2 }
          #expect(token != nil && second.client.connections.state.withLock { $0.token } == token)
          #expect(await second.proxies[0].counters.accepted == 1)
        }
      }
    }
  }

  @Test("a holder who must not watch any more is warned of it once, and learns by the re-check that its key is gone")
  func unwatchedHolder() async throws {
    try await Self.withUsers { server in
      let log = InMemoryLogHandler()
      let root = { (words: [String]) in
        _ = try await Etcdctl.run(["--user=root:secret"] + words, endpoint: server.endpoint)
      }
      let change = { @Sendable (configuration: inout EtcdClient.Configuration) in
        Self.worker(&configuration)
        configuration.recheckInterval = .milliseconds(500)
        configuration.logger = Logger(label: "test") { _ in log }
      }
      try await TestClient.with(TestServers(members: [server]), sessionTimeout: .seconds(60), change: change) {
        client in
        let name: LockName = "app/orders"
        let lease = try await client.lock(name).acquire(within: .seconds(5))
        let held = lease.held
        let queue = client.locks.contention(for: name)
        try await eventuallyTrue(within: .seconds(5)) { queue.withLocal { $1.ownWatch != nil } }
        try await root(["role", "revoke-permission", "locks", "--prefix=true", "app/"])
        // The watch is asked for again on the next stream.
        for proxy in client.proxies { await proxy.reset() }
        let warnings = { () -> Int in
          log.entries.count { $0.level == .warning && "\($0.message)".contains("cannot be watched") }
        }
        try await eventuallyTrue(within: .seconds(10)) { warnings() > 0 }
        #expect(held.isHeld)
        try await root(["role", "grant-permission", "locks", "--prefix=true", "readwrite", "app/"])
        try await root(["del", "--prefix", "\(name)/"])
        try await eventuallyTrue(within: .seconds(10)) { !held.isHeld }
        #expect(warnings() == 1)
        await expectLost(lease)
      }
    }
  }

  @Test("shows no password, neither printed nor dumped")
  func password() {
    var configuration = EtcdClient.Configuration(endpoints: ["127.0.0.1:1"])
    configuration.credentials = .init(user: "worker", password: "sesame")
    var dumped = ""
    dump(configuration, to: &dumped)
    let shown = dumped + "\(configuration)" + String(reflecting: configuration)
    #expect(shown.contains("worker"))
    #expect(!shown.contains("sesame"))
  }
}
#endif
