#if Etcd
import EtcdAPI
import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("An etcd lock at a server that does not answer, or refuses for a while", .serialized, .timeLimit(.minutes(5)))
struct OutageServerTests {
  private static func elapsed(_ body: () async throws -> Void) async rethrows -> Duration {
    let start = ContinuousClock.now
    try await body()
    return .now - start
  }

  @Test("every call ends as unreachable within the answer timeout, or within its budget if that is shorter")
  func silent() async throws {
    try await withEtcd { server in
      try await TestClient.with(
        TestServers(members: [server]),
        sessionTimeout: .seconds(60),
        change: { $0.connectTimeout = .seconds(60) },
        changeLocks: { $0.answerTimeout = .seconds(1) }
      ) { client in
        let lock = client.lock(try uniqueName())
        let other = client.lock(try uniqueName())
        let lease = try await other.acquire(within: .seconds(5))
        try server.pause()
        for budget: Duration? in [.zero, nil, .seconds(50), .milliseconds(500)] {
          let took = await Self.elapsed { #expect(await failure(of: lock, within: budget)?.code == .unreachable) }
          #expect(took < .seconds(30), "\(String(describing: budget))")
        }
        let took = await Self.elapsed {
          let error = await #expect(throws: LockError.self) { _ = try await lock.tryAcquire()?.release() }
          #expect(error?.code == .unreachable)
        }
        #expect(took < .seconds(30))
        try server.resume()
        try await lease.release()
      }
    }
  }

  @Test("connecting is part of the answer timeout")
  func connecting() async throws {
    var configuration = EtcdClient.Configuration(endpoints: ["127.0.0.1:1"])
    configuration.connectTimeout = .seconds(60)
    let client = try EtcdClient(configuration)
    client.begin()
    var locksConfiguration = EtcdLocks.Configuration()
    locksConfiguration.answerTimeout = .milliseconds(300)
    let lock = EtcdLocks(client: client, configuration: locksConfiguration).lock(try uniqueName())
    for budget: Duration? in [.zero, nil, .seconds(50)] {
      let took = await Self.elapsed { #expect(await failure(of: lock, within: budget)?.code == .unreachable) }
      #expect(took < .seconds(30))
    }
    await client.close()
  }

  @Test("a wait that has been answered once rides out a silence that is longer than the answer timeout")
  func ridesOut() async throws {
    try await withEtcd { server in
      let servers = TestServers(members: [server])
      try await TestClient.with(servers, sessionTimeout: .seconds(60)) { first in
        try await TestClient.with(
          servers,
          sessionTimeout: .seconds(60),
          changeLocks: { $0.answerTimeout = .milliseconds(500) }
        ) { second in
          let name = try uniqueName()
          let holder = try await first.lock(name).acquire(within: .seconds(5))
          let waiter = Task { try await second.lock(name).acquire(within: nil).release() }
          let queue = second.locks.contention(for: name)
          try await eventuallyTrue(within: .seconds(5)) { queue.withLocal { machine, _ in machine.standing != nil } }
          try server.pause()
          try await Task.sleep(for: .seconds(1))
          try server.resume()
          try await holder.release()
          try await waiter.value
        }
      }
    }
  }

  @Test("an extension ends when its task is cancelled, and as a loss when the session ends")
  func extending() async throws {
    try await withEtcd { server in
      try await TestClient.with(TestServers(members: [server]), sessionTimeout: .seconds(3)) { client in
        let lease = try await client.lock(try uniqueName()).acquire(within: .seconds(5))
        let held = lease.held
        try server.pause()
        let cancelled = Task { try await held.extend() }
        cancelled.cancel()
        let cancellation = await #expect(throws: LockError.self) { try await cancelled.value }
        #expect(cancellation?.code == .cancelled || cancellation?.code == .lockLost)
        let loss = await #expect(throws: LockError.self) { try await held.extend() }
        #expect(loss?.code == .lockLost)
        try server.resume()
        await expectLost(lease)
      }
    }
  }

  @Test("what was never sent leaves nothing in doubt: after an outage the same key is used again")
  func neverSent() async throws {
    try await withEtcd { server in
      try await TestClient.with(TestServers(members: [server]), sessionTimeout: .seconds(60)) { client in
        let name = try uniqueName()
        try await client.lock(name).acquire(within: .seconds(5)).release()
        await server.kill()
        await client.proxies[0].reset()
        let waiter = Task { try await client.lock(name).acquire(within: .seconds(60)).release() }
        try await eventuallyTrue(within: .seconds(10)) { client.client.transactions.isStalled }
        let queue = client.locks.contention(for: name)
        try server.launch()
        try await server.waitUntilReady()
        try await waiter.value
        try await eventuallyTrue(within: .seconds(10)) { queue.withLocal { machine, _ in machine.isIdle } }
      }
    }
  }

  @Test("a server whose space is used up: releases go through, waits end as unreachable with its words, or ride it out")
  func noSpace() async throws {
    let configuration = EtcdConfiguration { $0.options = ["--quota-backend-bytes=2000000"] }
    try await withEtcd(configuration) { server in
      try await TestClient.with(TestServers(members: [server]), sessionTimeout: .seconds(60)) { client in
        let name = try uniqueName()
        let lease = try await client.lock(name).acquire(within: .seconds(5))
        try await Self.fill(client)
        let other = try uniqueName()
        let refused = try #require(await failure(of: client.lock(other), within: .seconds(2)))
        #expect(refused.code == .unreachable)
        #expect("\(refused)".contains("database space exceeded"), "\(refused)")
        // It is not held up by the entry that goes on being refused.
        try await lease.release()
        #expect(try await client.keys("\(name)/").isEmpty)
        let waiter = Task { try await client.lock(name).acquire(within: .seconds(60)).release() }
        let queue = client.locks.contention(for: name)
        try await eventuallyTrue(within: .seconds(10)) { queue.withLocal { machine, _ in !machine.isAnswered } }
        _ = try await Etcdctl.run(["del", "--prefix", "filler"], endpoint: server.endpoint)
        let revision = try await client.client.connections.call(
          EtcdMethods.range,
          EtcdRangeRequest.key(Array("any".utf8)),
          timeout: .seconds(5)
        ).header.revision
        for command in [["compact", "\(revision)"], ["defrag"], ["alarm", "disarm"]] {
          _ = try await Etcdctl.run(command, endpoint: server.endpoint)
        }
        try await waiter.value
        for name in [name, other] {
          try await eventuallyTrue(within: .seconds(10)) { try await client.keys("\(name)/").isEmpty }
        }
      }
    }
  }

  /// Writes until the server takes no more.
  private static func fill(_ client: TestClient) async throws {
    let value = [UInt8](repeating: 1, count: 50_000)
    for number in 0..<200 {
      let put = EtcdTxnRequest(then: [.put(Array("filler-\(number)".utf8), value, lease: try client.lease)])
      do throws(EtcdError) {
        _ = try await client.client.connections.call(EtcdMethods.txn, put, timeout: .seconds(10))
      } catch {
        #expect(error.isTransient && !error.provesRejection, "\(error)")
        return
      }
    }
    Issue.record("the server has more space than it should")
  }
}
#endif
