import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("The ZooKeeper election keeps the promises of an election", .serialized, .timeLimit(.minutes(10)))
struct ElectionConformanceServerTests {
  private static let latch = Task { try await ElectionSubject.zooKeeper(.latch, TestServers.shared.value) }
  private static let lock = Task { try await ElectionSubject.zooKeeper(.lock, TestServers.shared.value) }

  @Test("with the nodes of Curator's LeaderLatch", arguments: ElectionConformance.checks)
  func latchKeepsPromise(_ check: ElectionConformance.Check) async throws {
    try await ElectionConformance(subject: Self.latch.value).run(check)
  }

  @Test("with the nodes of locks", arguments: ElectionConformance.checks)
  func lockKeepsPromise(_ check: ElectionConformance.Check) async throws {
    try await ElectionConformance(subject: Self.lock.value).run(check)
  }
}

extension ElectionSubject {
  /// The ZooKeeper election on given servers, with every fault that the suite knows.
  fileprivate static func zooKeeper(
    _ layout: ZooKeeperElection.Layout,
    _ servers: TestServers
  ) async throws -> ElectionSubject {
    // An observer with a session of its own sees what is left at the servers.
    let observer = try await TestClient.open(servers, sessionTimeout: .seconds(10))
    var faults = LockFaults<TestClient>()
    faults.expireSession = { client in try await servers.member().expireSession(try client.sessionID) }
    faults.cutOff = { client in await client.cutOff() }
    faults.heal = { client in await client.heal() }
    faults.leftovers = { name in try await observer.candidateCount(name) }
    var subject = ElectionSubject(
      label: "ZooKeeper, \(layout)",
      faults: faults,
      makeClient: { try await TestClient.open(servers) },
      election: { client, name in client.locks.election(name, layout: layout) },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }
}

extension TestClient {
  /// How many nodes there are in an election's directory.
  func candidateCount(_ name: LockName) async throws -> Int {
    try await self.client.sync("/\(name)")
    do throws(ZooKeeperError) {
      return try await self.client.children(of: "/\(name)").count
    } catch {
      guard error.code == .noNode else { throw error }
      return 0
    }
  }
}
