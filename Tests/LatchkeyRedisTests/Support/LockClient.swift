import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting

@testable import LatchkeyRedis

/// A client of one server or of a quorum, behind a fault proxy for each server.
final class LockClient: Sendable {
  let connections: [RedisConnection]
  let proxies: [FaultProxy]
  /// What the values of this client's keys end with.
  let label: String
  let locks: any LockProvider & ReleasingAll

  private init(
    connections: [RedisConnection],
    proxies: [FaultProxy],
    label: String,
    locks: any LockProvider & ReleasingAll
  ) {
    self.connections = connections
    self.proxies = proxies
    self.label = label
    self.locks = locks
  }

  static func open(
    _ servers: [RedisServer],
    timeToLive: Duration = .seconds(3),
    changeConnection: (inout RedisConnection.Configuration) -> Void = { _ in },
    changeLocks: (inout RedisLocks.Configuration) -> Void = { _ in },
    changeRedlock: (inout RedlockLocks.Configuration) -> Void = { _ in }
  ) async throws -> LockClient {
    var proxies: [FaultProxy] = []
    var connections: [RedisConnection] = []
    for server in servers {
      let proxy = try await FaultProxy.start(to: server.port, framing: .redis)
      proxies.append(proxy)
      var configuration = RedisConnection.Configuration(host: "127.0.0.1", port: proxy.port)
      configuration.commandTimeout = .seconds(1)
      configuration.reconnectPause = .milliseconds(10)...(.milliseconds(100))
      configuration.tracksServer = servers.count > 1
      changeConnection(&configuration)
      connections.append(try RedisConnection(configuration))
    }
    let label = "client-\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    let locks: any LockProvider & ReleasingAll
    if servers.count == 1 {
      var configuration = RedisLocks.Configuration()
      configuration.timeToLive = timeToLive
      configuration.label = label
      changeLocks(&configuration)
      locks = try RedisLocks(executor: connections[0], configuration: configuration)
    } else {
      var configuration = RedlockLocks.Configuration()
      configuration.timeToLive = timeToLive
      configuration.label = label
      changeRedlock(&configuration)
      locks = try RedlockLocks(servers: connections, configuration: configuration)
    }
    return LockClient(connections: connections, proxies: proxies, label: label, locks: locks)
  }

  /// Ends all leases, and waits until nothing is left of them.
  func releaseAll() async { await self.locks.releaseAll() }

  /// Opens a client, lends it, and closes it whichever way the body ends.
  static func with<R>(
    _ servers: [RedisServer],
    timeToLive: Duration = .seconds(3),
    changeLocks: (inout RedisLocks.Configuration) -> Void = { _ in },
    changeRedlock: (inout RedlockLocks.Configuration) -> Void = { _ in },
    _ body: (LockClient) async throws -> sending R
  ) async throws -> sending R {
    let client = try await Self.open(
      servers,
      timeToLive: timeToLive,
      changeLocks: changeLocks,
      changeRedlock: changeRedlock
    )
    return try await withCleanEnd({ await client.close() }) { try await body(client) }
  }

  func lock(_ name: LockName) -> any DistributedLock { self.locks.lock(name) }

  func close() async {
    await self.heal()
    for connection in self.connections { await connection.close() }
    await self.proxies.stop()
  }

  func cutOff() async { await self.proxies.cutOff() }

  func heal() async { await self.proxies.heal() }

  /// Loses the replies to the next request of a kind, one at each server, after the server has carried it out, and breaks the
  /// connection.
  func dropNextReply(to reply: LockReply) async {
    for proxy in self.proxies { _ = await proxy.dropReply(to: { $0.asks(for: reply) }, thenReset: true) }
  }
}

extension FaultProxy.Frame {
  /// Whether this is a request that asks for a lock or gives it back.
  func asks(for reply: LockReply) -> Bool {
    let scripts: [RedisScript] =
      switch reply {
      case .acquire: [.acquire, .vote]
      case .release: [.release]
      }
    return scripts.contains { self.runs($0) }
  }

  /// Whether this is a request that runs a script.
  func runs(_ script: RedisScript) -> Bool {
    self.isRedisCommand("EVALSHA", with: script.sha1) || self.isRedisCommand("EVAL", with: script.source)
  }
}

/// What the locks of one server and of a quorum have in common at their end.
protocol ReleasingAll: Sendable {
  func releaseAll() async
}

extension RedisLocks: ReleasingAll {}
extension RedlockLocks: ReleasingAll {}
