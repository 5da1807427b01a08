import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

/// A server that refuses what has waited for ten milliseconds (`throttledOpWaitTime`), and a client that gives it so much to do
/// that everything waits.
///
/// How much has to be asked until a server refuses something depends on the machine and on what else it does, so these run on demand:
/// `scripts/explore --filter ThrottlingServerTests`. What the lock makes of refusals is tested without a server in every run.
@Suite(
  "The ZooKeeper lock at servers that refuse requests because of their load",
  .serialized,
  .timeLimit(.minutes(3)),
  .enabled(if: isExploringDeeply)
)
struct ThrottlingServerTests {
  private static let refusal = ZooKeeperCode.throttled.rawValue

  private static func withServer(_ body: (TestServers) async throws -> Void) async throws {
    let configuration = ZooKeeperConfiguration {
      $0.tick = TestServers.tick
      $0.inMemory = true
      $0.javaOptions = ["-Dzookeeper.request_throttle_max_requests=1", "-Dzookeeper.throttled_op_wait_time=10"]
    }
    try await withZooKeeper(configuration) { try await body(TestServers(members: [$0])) }
  }

  /// A thousand requests that are always under way.
  private final class Flood: Sendable {
    private struct State {
      var isOver = false
      var underWay = 0
      var refused = 0
    }

    private let session: ZKSession
    private let state = Locked(State())

    private init(_ session: ZKSession) {
      self.session = session
    }

    /// Begins, and waits until requests are refused.
    static func begin(_ client: TestClient) async throws -> Flood {
      let flood = Flood(try await client.client.waitForSession(within: .seconds(10)))
      for _ in 0..<1_000 { flood.ask() }
      try await eventuallyTrue(within: .seconds(20)) { flood.state.withLock { $0.refused > 200 } }
      return flood
    }

    private func ask() {
      let isWanted = self.state.withLock { state in
        if !state.isOver { state.underWay += 1 }
        return !state.isOver
      }
      guard isWanted else { return }
      self.session.sync("/") { code in
        self.state.withLock { state in
          state.underWay -= 1
          if code == .throttled { state.refused += 1 }
        }
        self.ask()
      }
    }

    func end() async throws {
      self.state.withLock { $0.isOver = true }
      try await eventuallyTrue(within: .seconds(20)) { self.state.withLock { $0.underWay == 0 } }
    }
  }

  /// The deletes of lock nodes that the server has refused to a client.
  private static func refusedDeletes(of client: TestClient) async -> FaultProxy.Rule {
    let deletes = Locked<Set<Int32>>([])
    return await client.proxies[0].watch { frame in
      guard let number = frame.zooKeeperRequestNumber else { return false }
      if frame.zooKeeperOperation == .delete, String(decoding: frame.bytes, as: UTF8.self).contains("-lock-") {
        deletes.withLock { _ = $0.insert(number) }
      }
      return frame.zooKeeperErrorCode == Self.refusal && deletes.withLock { $0.contains(number) }
    }
  }

  @Test("a release whose delete is refused is made again until the node is gone, while the session lives on")
  func delete() async throws {
    try await Self.withServer { servers in
      try await TestClient.with(servers, sessionTimeout: .seconds(10)) { other in
        try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
          let name = try uniqueName()
          let refused = await Self.refusedDeletes(of: client)
          let session = try client.sessionID
          repeat {
            let lease = try await client.lock(name).acquire(within: .seconds(20))
            let flood = try await Flood.begin(other)
            try await lease.release()
            try await flood.end()
            try await eventuallyTrue(within: .seconds(5)) { try await client.count("/\(name)") == 0 }
          } while await refused.strikes == 0
          #expect(try client.sessionID == session)
        }
      }
    }
  }

  @Test("a lock is waited for through refusals, and had when they end; extending and trying are no errors either")
  func acquire() async throws {
    try await Self.withServer { servers in
      try await TestClient.with(servers, sessionTimeout: .seconds(10)) { other in
        try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
          let refused = await client.proxies[0].watch { $0.zooKeeperErrorCode == Self.refusal }
          for isTry in [false, true] {
            let lock = client.lock(try uniqueName())
            let flood = try await Flood.begin(other)
            let before = await refused.strikes
            async let served = Self.serve(lock, isTry: isTry) { held in
              let flood = try await Flood.begin(other)
              let before = await refused.strikes
              async let extended: Void = held.extend()
              try await refused.struck(before + 1)
              try await flood.end()
              try await extended
              #expect(held.isHeld)
            }
            try await refused.struck(before + 3)
            try await flood.end()
            #expect(try await served)
          }
        }
      }
    }
  }

  private static func serve(
    _ lock: any DistributedLock,
    isTry: Bool,
    _ body: @Sendable (HeldLock) async throws -> Void
  ) async throws -> Bool {
    if isTry { return try await lock.withLockIfAvailable { held in try await body(held) } != nil }
    try await lock.withLock(within: .seconds(30)) { held in try await body(held) }
    return true
  }

  @Test("a waiter whose watches the server refuses to set again after a reconnect is granted the lock all the same")
  func watches() async throws {
    try await Self.withServer { servers in
      try await TestClient.with(servers, sessionTimeout: .seconds(10)) { holder in
        try await TestClient.with(servers, sessionTimeout: .seconds(10)) { waiter in
          let name = try uniqueName()
          let lease = try await holder.lock(name).acquire(within: .seconds(20))
          async let granted: Void = waiter.lock(name).withLock { _ in }
          try await eventuallyTrue(within: .seconds(10)) { try await holder.count("/\(name)") == 2 }
          let refused = await waiter.proxies[0].watch { frame in
            frame.zooKeeperRequestNumber == -8 && frame.zooKeeperErrorCode == Self.refusal
          }
          repeat {
            let flood = try await Flood.begin(holder)
            let connections = await waiter.proxies[0].counters.accepted
            await waiter.proxies[0].reset()
            try await waiter.proxies[0].waitForConnections(connections + 1)
            try await eventuallyTrue(within: .seconds(10)) { waiter.client.currentSession != nil }
            try await flood.end()
          } while await refused.strikes == 0
          try await lease.release()
          try await granted
        }
      }
    }
  }
}
