import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging

@testable import LatchkeyZooKeeper
@testable import ZooKeeper

/// A client with a session of its own, behind a fault proxy for each server.
final class TestClient: LockProvider {
  let client: ZooKeeperClient
  let locks: ZooKeeperLocks
  let proxies: [FaultProxy]

  private init(client: ZooKeeperClient, locks: ZooKeeperLocks, proxies: [FaultProxy]) {
    self.client = client
    self.locks = locks
    self.proxies = proxies
  }

  static func open(
    _ servers: TestServers,
    sessionTimeout: Duration = .seconds(3),
    change: (inout ZooKeeperClient.Configuration) -> Void = { _ in },
    changeLocks: (inout ZooKeeperLocks.Configuration) -> Void = { _ in }
  ) async throws -> TestClient {
    var proxies: [FaultProxy] = []
    for member in servers.members {
      proxies.append(try await FaultProxy.start(to: member.port, framing: .zooKeeper))
    }
    var configuration = ZooKeeperClient.Configuration(servers: proxies.map(\.connectString))
    configuration.sessionTimeout = sessionTimeout
    configuration.tick = TestServers.tick
    configuration.logger = Logger.quiet
    change(&configuration)
    let client = try ZooKeeperClient(configuration)
    client.begin()
    try await client.waitUntilReady()
    var locksConfiguration = ZooKeeperLocks.Configuration()
    // Tests are not about slow machines.
    locksConfiguration.answerTimeout = .seconds(15)
    changeLocks(&locksConfiguration)
    let locks = ZooKeeperLocks(client: client, configuration: locksConfiguration)
    return TestClient(client: client, locks: locks, proxies: proxies)
  }

  /// Opens a client, lends it, and closes it whichever way the body ends.
  ///
  /// - Parameter patience: How long requests and waits bear that there is no connection. An attempt that meets a server while it
  ///   starts may hang for a third of the session timeout.
  static func with<R>(
    _ servers: TestServers,
    sessionTimeout: Duration = .seconds(3),
    patience: Duration? = nil,
    _ body: (TestClient) async throws -> sending R
  ) async throws -> sending R {
    let client = try await Self.open(servers, sessionTimeout: sessionTimeout) {
      if let patience { $0.connectTimeout = patience }
    } changeLocks: {
      if let patience { $0.answerTimeout = patience }
    }
    return try await withCleanEnd({ await client.close() }) { try await body(client) }
  }

  func lock(_ name: LockName) -> ZooKeeperLock { self.locks.lock(name) }

  func close() async {
    await self.heal()
    await self.client.close()
    await self.proxies.stop()
  }

  var sessionID: Int64 {
    get throws {
      guard let session = self.client.currentSession else { throw NoSession() }
      return session.id
    }
  }

  struct NoSession: Error {}

  func cutOff() async { await self.proxies.cutOff() }

  func heal() async { await self.proxies.heal() }

  /// Loses the reply to the next request of a kind, after the server has carried it out, and breaks the connection.
  func dropNextReply(to operations: Set<ZooKeeperOperation>) async {
    for proxy in self.proxies {
      _ = await proxy.dropReply(
        to: { frame in
          guard let operation = frame.zooKeeperOperation, operations.contains(operation) else { return false }
          // A heartbeat is a delete as well, of a path that never exists.
          return !String(decoding: frame.bytes, as: UTF8.self).contains("_latchkey_heartbeat")
        },
        thenReset: true
      )
    }
  }

  /// How many contenders' nodes the servers hold.
  func count(_ directory: String) async throws -> Int {
    try await self.scan(directory)?.count ?? 0
  }

  /// The contenders as the servers see them; nil if the directory does not exist.
  func scan(_ directory: String) async throws -> SequenceScan? {
    let session = try await self.client.waitForSession(within: .seconds(60))
    // A server under load may refuse the question, as it may refuse any.
    let answer: Result<SequenceScan, ZooKeeperError> = await askDespiteLoad(until: .now + .seconds(10)) {
      await withCheckedContinuation { continuation in
        session.scan(directory: directory, own: nil, matchPrefix: nil, markers: GrantRule.mutex.markers, sync: true) {
          continuation.resume(returning: $0)
        }
      }
    }
    switch answer {
    case .success(let scan): return scan
    case .failure(let error) where error.code == .noNode: return nil
    case .failure(let error): throw error
    }
  }

  /// The nodes by which permits of a semaphore are held or wanted, lowest number first.
  func leases(of name: LockName) async throws -> [String] {
    let directory = "/\(name)/leases"
    do throws(ZooKeeperError) {
      try await self.client.sync(directory)
      return try await self.client.children(of: directory).sorted { $0.suffix(10) < $1.suffix(10) }
    } catch {
      guard error.code == .noNode else { throw error }
      return []
    }
  }

  func permits(of name: LockName) async throws -> Int { try await self.leases(of: name).count }

  /// Deletes a node by hand.
  func delete(_ path: String) async throws {
    let session = try await self.client.waitForSession(within: .seconds(10))
    let code = await withCheckedContinuation { continuation in
      session.delete(path) { continuation.resume(returning: $0) }
    }
    guard code == .ok || code == .noNode else { throw ZooKeeperError(code, operation: "delete", path: path) }
  }

  /// Makes a node by hand, as any program might.
  func create(_ path: String, prefix: String) async throws {
    let session = try await self.client.waitForSession(within: .seconds(10))
    let reply = await withCheckedContinuation { continuation in
      session.createAndScan(
        directory: path,
        prefix: "\(path)/\(prefix)",
        data: [],
        acl: .open,
        markers: GrantRule.mutex.markers
      ) {
        continuation.resume(returning: $0)
      }
    }
    _ = try reply.create.get()
  }
}

extension ZooKeeperLocks {
  /// The contention for a lock, as it is now.
  func contention(for name: LockName) -> Contention<NodeQueueBackend> {
    self.contentions.contention(for: name, of: self)
  }
}
