import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("The ZooKeeper lock keeps the promises of the protocol", .serialized, .timeLimit(.minutes(30)))
struct ConformanceServerTests {
  /// The only check that may not apply is the one for locks without tokens.
  private static let inapplicable: Set<LockSubject.Need> = [.noFencingTokens]
  private static let one = Task { try await LockSubject.zooKeeper("one server", TestServers.conformance.value) }
  private static let three = Task {
    try await LockSubject.zooKeeper("three servers", TestServers.conformanceEnsemble.value)
  }

  @Test("on one server", arguments: LockConformance.checks)
  func oneServer(check: LockConformance.Check) async throws {
    try await expectPassed(check, on: try await Self.one.value, without: Self.inapplicable)
  }

  @Test("on three servers", arguments: LockConformance.checks)
  func threeServers(check: LockConformance.Check) async throws {
    try await expectPassed(check, on: try await Self.three.value, without: Self.inapplicable)
  }
}

@Suite("The ZooKeeper read-write lock keeps the promises of the protocol", .serialized, .timeLimit(.minutes(30)))
struct ReadWriteConformanceServerTests {
  private static let inapplicable: Set<LockSubject.Need> = [.noFencingTokens]
  private static let checks = LockConformance.checks + LockConformance.readWriteChecks
  private static let one = Task {
    try await LockSubject.zooKeeperReadWriteLock("one server", TestServers.conformance.value)
  }
  private static let three = Task {
    try await LockSubject.zooKeeperReadWriteLock("three servers", TestServers.conformanceEnsemble.value)
  }

  @Test("on one server", arguments: Self.checks)
  func oneServer(check: LockConformance.Check) async throws {
    try await expectPassed(check, on: try await Self.one.value, without: Self.inapplicable)
  }

  @Test("on three servers", arguments: LockConformance.readWriteChecks)
  func threeServers(check: LockConformance.Check) async throws {
    try await expectPassed(check, on: try await Self.three.value, without: Self.inapplicable)
  }
}

@Suite("The ZooKeeper semaphore keeps the promises of the protocol", .serialized, .timeLimit(.minutes(30)))
struct SemaphoreConformanceServerTests {
  private static let inapplicable: Set<LockSubject.Need> = [.fencingTokens, .refusesOwner]
  private static let one = Task {
    try await LockSubject.zooKeeperSemaphore("one server", TestServers.conformance.value)
  }
  private static let three = Task {
    try await LockSubject.zooKeeperSemaphore("three servers", TestServers.conformanceEnsemble.value)
  }

  @Test("on one server", arguments: LockConformance.checks + LockConformance.semaphoreChecks)
  func oneServer(check: LockConformance.Check) async throws {
    try await expectPassed(check, on: try await Self.one.value, without: Self.inapplicable)
  }

  @Test("on three servers", arguments: LockConformance.semaphoreChecks)
  func threeServers(check: LockConformance.Check) async throws {
    try await expectPassed(check, on: try await Self.three.value, without: Self.inapplicable)
  }
}
