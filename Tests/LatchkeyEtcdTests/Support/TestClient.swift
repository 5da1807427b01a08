#if Etcd
import EtcdAPI
import Foundation
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging

@testable import LatchkeyEtcd

/// A client with a session of its own, behind a fault proxy for each server.
final class TestClient: LockProvider {
  let client: EtcdClient
  let locks: EtcdLocks
  let proxies: [FaultProxy]

  private init(client: EtcdClient, locks: EtcdLocks, proxies: [FaultProxy]) {
    self.client = client
    self.locks = locks
    self.proxies = proxies
  }

  static func open(
    _ servers: TestServers,
    sessionTimeout: Duration = .seconds(3),
    change: (inout EtcdClient.Configuration) -> Void = { _ in },
    changeLocks: (inout EtcdLocks.Configuration) -> Void = { _ in }
  ) async throws -> TestClient {
    var proxies: [FaultProxy] = []
    for member in servers.members {
      proxies.append(try await FaultProxy.start(to: member.port, framing: .http2))
    }
    var configuration = EtcdClient.Configuration(endpoints: proxies.map(\.connectString))
    configuration.sessionTimeout = sessionTimeout
    configuration.connectTimeout = .seconds(5)
    configuration.requestTimeout = .seconds(2)
    configuration.logger = Logger.quiet
    change(&configuration)
    let client = try EtcdClient(configuration)
    client.begin()
    try await client.waitUntilReady()
    var locksConfiguration = EtcdLocks.Configuration()
    // Servers that were stopped a moment ago, on a busy machine.
    locksConfiguration.answerTimeout = .seconds(10)
    changeLocks(&locksConfiguration)
    let locks = EtcdLocks(client: client, configuration: locksConfiguration)
    return TestClient(client: client, locks: locks, proxies: proxies)
  }

  /// Opens a client, lends it, and closes it whichever way the body ends.
  static func with<R>(
    _ servers: TestServers,
    sessionTimeout: Duration = .seconds(3),
    change: (inout EtcdClient.Configuration) -> Void = { _ in },
    changeLocks: (inout EtcdLocks.Configuration) -> Void = { _ in },
    _ body: (TestClient) async throws -> sending R
  ) async throws -> sending R {
    let client = try await Self.open(
      servers,
      sessionTimeout: sessionTimeout,
      change: change,
      changeLocks: changeLocks
    )
    return try await withCleanEnd({ await client.close() }) { try await body(client) }
  }

  func lock(_ name: LockName) -> EtcdLock { self.locks.lock(name) }

  func close() async {
    await self.heal()
    await self.client.close()
    await self.proxies.stop()
  }

  struct NoSession: Error {}

  var lease: Int64 {
    get throws {
      guard let session = self.client.keeper.session else { throw NoSession() }
      return session.lease
    }
  }

  func cutOff() async { await self.proxies.cutOff() }

  func heal() async { await self.proxies.heal() }

  /// Loses the answer to the next Txn that carries these bytes, after the server has carried it out, and breaks the
  /// connection.
  func dropNextReply(toRequestWith matches: @escaping @Sendable ([UInt8]) -> Bool) async {
    for proxy in self.proxies {
      await proxy.dropReply(to: { $0.grpcMethod == EtcdMethods.txn.path && matches($0.bytes) }, thenReset: true)
    }
  }

  // MARK: What the servers say, past the locks

  private func asking<R: Sendable>(_ question: () async throws(EtcdError) -> R) async throws -> R {
    // The connection may have broken since it was used last, for example by a restart of the servers.
    let end = ContinuousClock.now + .seconds(20)
    while true {
      do throws(EtcdError) {
        return try await question()
      } catch {
        guard error.isInDoubt, .now < end else { throw error }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  /// The keys below a prefix, oldest first.
  func keys(_ prefix: String) async throws -> [String] {
    let request = EtcdRangeRequest.prefix(Array(prefix.utf8), .oldest)
    let answer = try await self.asking { () async throws(EtcdError) in
      try await self.client.connections.call(EtcdMethods.range, request, timeout: .seconds(2))
    }
    return answer.kvs.map { String(decoding: $0.key, as: UTF8.self) }
  }

  func delete(_ key: String) async throws {
    let request = EtcdTxnRequest(then: [.delete(Array(key.utf8))])
    _ = try await self.asking { () async throws(EtcdError) in
      try await self.client.connections.call(EtcdMethods.txn, request, timeout: .seconds(2))
    }
  }

  /// Ends a lease at once, as if its client had been silent for too long.
  func revoke(_ lease: Int64) async throws {
    var request = EtcdLeaseRevokeRequest()
    request.id = lease
    let message = request
    do {
      _ = try await self.asking { () async throws(EtcdError) in
        try await self.client.connections.call(EtcdMethods.leaseRevoke, message, timeout: .seconds(2))
      }
    } catch let error as EtcdError where error.code == .leaseNotFound {
      // A request that got no answer was carried out.
    }
  }
}

/// How requests are recognised on their way.
enum RequestBytes {
  /// A request that creates a key of a lock: it says who we are.
  static func entersQueue(_ bytes: [UInt8]) -> Bool { bytes.contains(sequence: Array("host=".utf8)) }

  /// A request that deletes one key: an operation of the kind 3 with nothing but a key in it.
  static func deletesKey(_ bytes: [UInt8]) -> Bool {
    for index in bytes.indices.dropLast(4) where bytes[index] == 0x1A && bytes[index + 2] == 0x0A {
      let length = Int(bytes[index + 3])
      if Int(bytes[index + 1]) == length + 2, length > 16, index + 4 + length <= bytes.count { return true }
    }
    return false
  }
}

extension [UInt8] {
  func contains(sequence: [UInt8]) -> Bool {
    guard self.count >= sequence.count else { return false }
    return (0...(self.count - sequence.count)).contains { self[$0..<($0 + sequence.count)].elementsEqual(sequence) }
  }
}

extension EtcdLocks {
  /// The contention for a lock, as it is now.
  func contention(for name: LockName) -> Contention<KeyQueueBackend> {
    self.contentions.contention(for: name, of: self)
  }
}
#endif
