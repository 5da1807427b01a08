import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("Very many locks of one client", .serialized, .timeLimit(.minutes(5)))
struct ManyLocksServerTests {
  /// Takes locks, some hundreds at a time, until one fails.
  private static func take(
    _ numbers: Range<Int>,
    of client: TestClient
  ) async throws -> (leases: [LeaseBox], held: [HeldLock], failures: [LockError]) {
    var leases: [LeaseBox] = []
    var held: [HeldLock] = []
    var failures: [LockError] = []
    for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 250) where failures.isEmpty {
      await withTaskGroup(of: Result<(LeaseBox, HeldLock), LockError>.self) { group in
        for number in start..<min(start + 250, numbers.upperBound) {
          group.addTask {
            do throws(LockError) {
              let lease = try await client.lock(LockName("held/\(number)")).acquire(within: .seconds(60))
              let view = lease.held
              return .success((LeaseBox(lease), view))
            } catch {
              return .failure(error)
            }
          }
        }
        for await result in group {
          switch result {
          case .success(let (lease, view)):
            leases.append(lease)
            held.append(view)
          case .failure(let error): failures.append(error)
          }
        }
      }
    }
    return (leases, held, failures)
  }

  @Test("ten thousand held locks outlive a lost connection, and more than one session can have is a plain error")
  func tenThousand() async throws {
    let servers = try await TestServers.startOne()
    let client = try await TestClient.open(servers, sessionTimeout: .seconds(30))
    let session = try #require(client.client.currentSession)
    let (leases, held, failures) = try await Self.take(10_000..<20_000, of: client)
    #expect(leases.count == 10_000 && failures.isEmpty, "\(failures.first.map { "\($0)" } ?? "")")
    #expect(session.ephemeralBytes > 650_000)
    // As many watch their own node as there is room for.
    try await eventuallyTrue(within: .seconds(30)) { session.watchBytes > 250_000 }
    let before = await client.proxies[0].counters.accepted
    for proxy in client.proxies { await proxy.reset() }
    try await eventuallyTrue(within: .seconds(30)) {
      let accepted = await client.proxies[0].counters.accepted
      return accepted > before && client.client.currentSession === session
    }
    // The heartbeats of the new connection are answered: the deadline moves.
    let deadline = session.term.deadline
    try await eventuallyTrue(within: .seconds(30)) { session.term.deadline > deadline }
    #expect(held.allSatisfy { $0.isHeld })
    #expect(session.watchBytes < PathBudget.Limits().ownNodeWatches)

    let (more, _, refusals) = try await Self.take(20_000..<22_000, of: client)
    let refusal = try #require(refusals.first)
    #expect(refusal.code == .invalidConfiguration && "\(refusal)".contains("second client"), "\(refusal)")
    #expect(client.client.currentSession === session && held.allSatisfy { $0.isHeld })

    try await withThrowingTaskGroup(of: Void.self) { group in
      for lease in leases + more { group.addTask { try await lease.release() } }
      try await group.waitForAll()
    }
    #expect(session.ephemeralBytes == 0)
    for number in [10_000, 15_000, 19_999] { #expect(try await client.count("/held/\(number)") == 0) }
    // There is room again.
    try await client.lock("held/again").acquire(within: .seconds(10)).release()
    await client.close()
    await servers.members[0].stop()
  }
}
