import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyZooKeeper
@testable import ZooKeeper

@Suite("Nodes of a client in a lock's queue of which nobody knows", .serialized, .timeLimit(.minutes(2)))
struct StrangerServerTests {
  @Test("one with the mark of the locks is deleted when a list shows it, and nobody waits behind it")
  func orphan() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let name = try uniqueName()
      try await client.lock(name).acquire().release()
      // As if a create of before had been carried out now.
      try await client.create("/\(name)", prefix: Self.prefix(client.locks))
      try await client.lock(name).acquire(within: .seconds(20)).release()
      try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 0 }
    }
  }

  @Test("one with the mark of the locks is deleted when nobody waits for the lock and it is only tried")
  func orphanBeforeTries() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let name = try uniqueName()
      try await client.lock(name).acquire().release()
      try await client.create("/\(name)", prefix: Self.prefix(client.locks))
      try await eventuallyTrue(within: .seconds(20)) {
        guard let lease = try await client.lock(name).tryAcquire() else { return false }
        try await lease.release()
        return true
      }
      try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 0 }
    }
  }

  @Test("what a wait leaves that was given up makes no lock busy for the try that follows")
  func tryAfterCancelledWait() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let name = try uniqueName()
      let lock = client.lock(name)
      try await lock.acquire().release()
      for _ in 0..<20 {
        let wait = Task { try await lock.acquire(within: .seconds(10)).release() }
        // Its create is on its way now, most often.
        while !client.locks.contention(for: name).withLocal({ machine, _ in machine.attempt != nil }) {
          await Task.yield()
        }
        wait.cancel()
        _ = await wait.result
        guard let lease = try await lock.tryAcquire() else {
          Issue.record("the try found the lock busy")
          continue
        }
        try await lease.release()
      }
    }
  }

  @Test("one with the mark of the locks in another session is left alone")
  func otherSession() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { other in
      try await TestClient.with(servers) { client in
        let name = try uniqueName()
        try await client.lock(name).acquire().release()
        try await other.create("/\(name)", prefix: Self.prefix(client.locks))
        #expect(await failure(of: client.lock(name), within: .seconds(1))?.code == .timedOut)
        try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 1 }
      }
    }
  }

  @Test("those of two sets of locks of one client are left alone: they exclude each other")
  func twoSets() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let name = try uniqueName()
      let others = ZooKeeperLocks(client: client.client)
      let counter = SharedCounter()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for lock in [client.lock(name), others.lock(name)] {
          for _ in 0..<3 {
            group.addTask {
              for _ in 0..<10 {
                try await lock.withLock { held in
                  await counter.add()
                  #expect(held.isHeld)
                }
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(counter.current == 60)
      try await eventuallyTrue(within: .seconds(10)) { try await client.count("/\(name)") == 0 }
    }
  }

  private static func prefix(_ locks: ZooKeeperLocks) -> String {
    let identifier = locks.contention(for: "any").withLocal { machine, _ in machine.makeIdentifier(0) }
    return ContenderIdentity.prefix(identifier, marker: GrantRule.mutex.ownMarker)
  }
}
