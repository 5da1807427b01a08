#if Etcd
import CoreMetrics
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import MetricsTestKit
import Testing

@testable import LatchkeyEtcd

@Suite("An election", .serialized, .timeLimit(.minutes(5)))
struct ElectionServerTests {
  @Test("has one leader at a time, and the next has a greater token")
  func succession() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { one in
      try await TestClient.with(servers) { two in
        let name = try uniqueName("election")
        let first = try await EtcdElection(client: one.client, name: name).campaign(value: "one", within: .seconds(5))
        let token = try #require(first.held.token)
        let late = EtcdElection(client: two.client, name: name)
        do throws(LockError) {
          try await late.campaign(value: "two", within: .milliseconds(200)).resign()
          Issue.record("two leaders")
        } catch {
          #expect(error.code == .timedOut)
        }
        try await first.resign()
        let second = try await late.campaign(value: "two", within: .seconds(5))
        #expect(try #require(second.held.token) > token)
        try await second.resign()
        #expect(try await late.leader() == nil)
      }
    }
  }

  @Test("two candidates of one client exclude each other")
  func oneClient() async throws {
    try await TestClient.with(try await TestServers.shared.value) { client in
      let election = EtcdElection(client: client.client, name: try uniqueName("election"))
      let first = try await election.campaign(value: "a", within: .seconds(5))
      do throws(LockError) {
        try await election.campaign(value: "b", within: .milliseconds(200)).resign()
        Issue.record("two leaders")
      } catch {
        #expect(error.code == .timedOut)
      }
      try await first.resign()
    }
  }

  @Test("tells who leads: the present one, each change, and when nobody does")
  func observation() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = EtcdElection(client: client.client, name: try uniqueName("election"))
      let seen = Shared<[String?]>([])
      let watching = Task {
        for await leader in election.leaders { seen.change { $0.append(leader?.value) } }
      }
      try await eventuallyTrue(within: .seconds(5)) { seen.value == [nil] }
      let leadership = try await election.campaign(value: "a", within: .seconds(5))
      try await eventuallyTrue(within: .seconds(5)) { seen.value == [nil, "a"] }
      try await leadership.proclaim("b")
      try await eventuallyTrue(within: .seconds(5)) { seen.value == [nil, "a", "b"] }
      await client.cutOff()
      await client.heal()
      try await leadership.resign()
      try await eventuallyTrue(within: .seconds(10)) { seen.value == [nil, "a", "b", nil] }
      watching.cancel()
      await watching.value
    }
  }

  @Test("tells nothing more when the client is closed, and nothing at all when it was closed before")
  func observationOfClosed() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = EtcdElection(client: client.client, name: try uniqueName("election"))
      let seen = Shared(0)
      let watching = Task {
        for await _ in election.leaders { seen.change { $0 += 1 } }
      }
      try await eventuallyTrue(within: .seconds(5)) { seen.value == 1 }
      await client.client.close()
      await watching.value
      let isOver = Shared(false)
      let late = Task {
        for await _ in election.leaders { seen.change { $0 += 1 } }
        isOver.change { $0 = true }
      }
      let ends = try await eventually(within: .seconds(5)) { isOver.value }
      late.cancel()
      await late.value
      #expect(ends && seen.value == 1)
    }
  }

  @Test("can be asked for as any election, whatever the backend")
  func generic() async throws {
    func lead(_ election: some LeaderElection) async throws -> String? {
      let leadership = try await election.campaign(value: "anybody")
      let leader = try await election.leader()
      try await leadership.resign()
      return leader?.value
    }
    try await TestClient.with(try await TestServers.shared.value) { client in
      let election = EtcdElection(client: client.client, name: try uniqueName("election"))
      #expect(try await lead(election) == "anybody")
    }
  }

  @Test("campaigns and terms are counted and timed as those of locks are")
  func metrics() async throws {
    let metrics = TestMetrics()
    var configuration = EtcdLocks.Configuration()
    configuration.observability.metrics = metrics
    try await TestClient.with(try await TestServers.shared.value, sessionTimeout: .seconds(30)) { client in
      let election = EtcdElection(
        client: client.client,
        name: try uniqueName("election"),
        configuration: configuration
      )
      try await election.campaign(value: "a", within: .seconds(5)).resign()
      let leadership = try await election.campaign(value: "b", within: .seconds(5))
      do throws(LockError) {
        try await election.campaign(value: "c", within: .milliseconds(50)).resign()
        Issue.record("two leaders")
      } catch {
        #expect(error.code == .timedOut)
      }
      let held = leadership.held
      try await client.revoke(client.lease)
      #expect(await held.lost?.code == .lockLost)
      let dimensions = [("backend", "etcd"), ("kind", "lock")]
      #expect(try metrics.expectCounter("lock.acquisitions", dimensions).totalValue == 2)
      try await eventuallyTrue(within: .seconds(5)) {
        (try? metrics.expectCounter("lock.losses", dimensions).totalValue) == 1
      }
      for (timer, outcome, count) in [
        ("lock.acquire.duration", "granted", 2), ("lock.acquire.duration", "timedOut", 1),
        ("lock.hold.duration", "released", 1), ("lock.hold.duration", "lost", 1),
      ] {
        #expect(try metrics.expectTimer(timer, dimensions + [("outcome", outcome)]).values.count == count)
      }
      do throws(LockError) {
        try await leadership.resign()
        Issue.record("a leadership that was lost must say so when it is resigned")
      } catch {
        #expect(error.code == .lockLost)
      }
    }
  }

  @Test("a leadership that is over proclaims nothing")
  func lost() async throws {
    try await TestClient.with(try await TestServers.shared.value) { client in
      let election = EtcdElection(client: client.client, name: try uniqueName("election"))
      let leadership = try await election.campaign(value: "a", within: .seconds(5))
      try await client.revoke(client.lease)
      do throws(LockError) {
        try await leadership.proclaim("b")
        Issue.record("it was proclaimed")
      } catch {
        #expect(error.code == .lockLost)
      }
      do throws(LockError) {
        try await leadership.resign()
      } catch {
        #expect(error.code == .lockLost)
      }
    }
  }
}
#endif
