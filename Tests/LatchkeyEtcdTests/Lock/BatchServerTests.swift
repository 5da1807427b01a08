#if Etcd
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

/// Transactions that wait while another is on its way go out together. Whoever waits here is not rescued by a re-check.
@Suite("Etcd locks whose requests share a transaction", .serialized, .timeLimit(.minutes(3)))
struct BatchServerTests {
  private static func with(_ body: (TestClient) async throws -> Void) async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(30), change: { $0.recheckInterval = .seconds(3600) }) {
      client in
      try await body(client)
    }
  }

  /// Holds back the answer to the client's next transaction while the body makes others wait behind it.
  private static func collecting(
    _ client: TestClient,
    _ body: (_ waiting: (Int) async throws -> Void) async throws -> Void
  )
    async throws
  {
    let held = await client.proxies[0].holdReply { $0.grpcMethod == EtcdMethods.txn.path }
    try await body { count in
      try await held.struck()
      try await eventuallyTrue(within: .seconds(5)) { client.client.transactions.waitingCount == count }
    }
    await held.remove()
  }

  @Test("a caller right behind a cancelled one is granted the free lock")
  func cancelledThenNext() async throws {
    try await Self.with { client in
      let lock = client.lock(try uniqueName())
      var next: Task<Void, any Error>?
      try await Self.collecting(client) { waiting in
        let cancelled = Task { try await lock.acquire(within: .seconds(20)).release() }
        try await waiting(0)
        cancelled.cancel()
        await #expect(throws: LockError.self) { try await cancelled.value }
        next = Task { try await lock.acquire(within: .seconds(5)).release() }
        try await waiting(1)
      }
      try await next?.value
    }
  }

  @Test("a caller whose request shares a transaction with the holder's release is granted the lock")
  func handOverBetweenSets() async throws {
    try await Self.with { client in
      let name = try uniqueName()
      let others = EtcdLocks(client: client.client)
      let lease = try await client.lock(name).acquire(within: .seconds(5))
      let box = LeaseBox(lease)
      var tasks: [Task<Void, any Error>] = []
      try await Self.collecting(client) { waiting in
        tasks.append(Task { try await client.lock(try uniqueName()).acquire(within: .seconds(5)).release() })
        try await waiting(0)
        tasks.append(Task { try await others.lock(name).acquire(within: .seconds(5)).release() })
        try await waiting(1)
        tasks.append(Task { try await box.release() })
        try await waiting(2)
      }
      for task in tasks { try await task.value }
    }
  }

  @Test("a try on a free lock is granted although the locks of nested names are asked for at the same moment")
  func nestedNames() async throws {
    try await Self.with { client in
      let parent = try uniqueName()
      // They come before the own key in the order of keys, which counts among keys of one revision.
      let nested = try (1...3).map { try LockName("\(parent)/0\($0)") }
      var tasks: [Task<Void, any Error>] = []
      var attempt: Task<Bool, any Error>?
      try await Self.collecting(client) { waiting in
        tasks.append(Task { try await client.lock(try uniqueName()).acquire(within: .seconds(5)).release() })
        try await waiting(0)
        for (index, name) in nested.enumerated() {
          tasks.append(Task { try await client.lock(name).acquire(within: .seconds(5)).release() })
          try await waiting(index + 1)
        }
        attempt = Task {
          guard let lease = try await client.lock(parent).tryAcquire() else { return false }
          try await lease.release()
          return true
        }
        try await waiting(nested.count + 1)
      }
      #expect(try await attempt?.value == true)
      for task in tasks { try await task.value }
      #expect(try await client.keys("\(parent)/").isEmpty)
    }
  }

  @Test("every caller is granted the lock under a load of waits, cancellations and tries on flat and nested names")
  func mixedLoad() async throws {
    let servers = try await TestServers.shared.value
    let parent = try uniqueName()
    let names = try [parent, LockName("\(parent)/1"), LockName("\(parent)/2")]
    let change = { @Sendable (configuration: inout EtcdClient.Configuration) in
      configuration.recheckInterval = .seconds(3600)
    }
    try await TestClient.with(servers, sessionTimeout: .seconds(60), change: change) { first in
      try await TestClient.with(servers, sessionTimeout: .seconds(60), change: change) { second in
        let sets = [first.locks, EtcdLocks(client: first.client), second.locks]
        let end = ContinuousClock.now + .seconds(2)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for index in 0..<18 {
            group.addTask {
              var turn = index
              while ContinuousClock.now < end {
                turn += 1
                let lock = sets[index % 3].lock(names[turn % names.count])
                switch turn % 5 {
                case 0:
                  let cancelled = Task { try await lock.acquire(within: .seconds(20)).release() }
                  try await Task.sleep(for: .milliseconds(turn % 4))
                  cancelled.cancel()
                  _ = await cancelled.result
                case 1: try await lock.tryAcquire()?.release()
                default: try await lock.acquire(within: .seconds(20)).release()
                }
              }
            }
          }
          try await group.waitForAll()
        }
        #expect(try await first.keys("\(parent)/").isEmpty)
      }
    }
  }
}
#endif
