import Latchkey
import LatchkeyLifecycle
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@testable import ZooKeeper

@Suite("A ZooKeeper election", .serialized, .timeLimit(.minutes(5)))
struct ElectionServerTests {
  private func follow(_ election: ZooKeeperElection, into seen: Shared<[String?]>) -> Task<Void, Never> {
    Task {
      for await leader in election.leaders { seen.change { $0.append(leader?.value) } }
    }
  }

  @Test("shows its candidates in order, with the tokens that they have or will have")
  func candidates() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = client.locks.election(try uniqueName("election"))
      let leader = try await election.campaign(value: "one")
      let next = Task { try await election.campaign(value: "two").resign() }
      try await eventuallyTrue { try await client.candidateCount(election.name) == 2 }
      let candidates = try await election.candidates()
      #expect(candidates.map(\.value) == ["one", "two"])
      #expect(candidates[0].token == leader.held.token)
      try await leader.resign()
      try await next.value
      #expect(try await election.candidates().isEmpty)
    }
  }

  @Test("candidates of both layouts wait for each other, and for locks of that name")
  func layouts() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let name = try uniqueName("election")
      let (latch, lock) = (client.locks.election(name), client.locks.election(name, layout: .lock))
      for (first, second) in [(latch, lock), (lock, latch)] {
        try await first.withLeadership(value: "first") { _ in
          let leader = try await second.leader()
          #expect(leader?.value == "first")
          let error = await Self.failure(of: second)
          #expect(error?.code == .timedOut)
        }
      }
      try await client.lock(name).withLock { _ in
        #expect(await Self.failure(of: latch)?.code == .timedOut)
        #expect(await Self.failure(of: lock)?.code == .timedOut)
      }
    }
  }

  private static func failure(of election: ZooKeeperElection) async -> LockError? {
    do throws(LockError) {
      try await election.campaign(value: "late", within: .milliseconds(50)).resign()
      return nil
    } catch {
      return error
    }
  }

  @Test("a leader has a value that is empty, or no text at all, as other clients' may be")
  func values() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = client.locks.election(try uniqueName("election"))
      try await election.withLeadership(value: "") { leadership in
        #expect(try await election.leader() == Leader(value: "", token: leadership.token))
        let node = try await Self.onlyChild(of: election, client)
        try await client.client.set("/\(election.name)/\(node)", data: [0xFF, 0x41])
        #expect(try await election.leader()?.value.hasSuffix("A") == true)
      }
    }
  }

  /// Resigns a leadership that must have been lost.
  private static func expectLost(
    _ leadership: consuming Leadership,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async {
    do throws(LockError) {
      try await leadership.resign()
      Issue.record("the leadership was resigned as if it had stood", sourceLocation: sourceLocation)
    } catch {
      #expect(error.code == .lockLost, sourceLocation: sourceLocation)
    }
  }

  private static func onlyChild(of election: ZooKeeperElection, _ client: TestClient) async throws -> String {
    try #require(try await client.client.children(of: "/\(election.name)").first)
  }

  // Curator's LeaderLatch reads its own node again for each arrival; an observer that watches the directory is woken by all.
  @Test("candidates that come and go behind the leader wake no observer")
  func arrivals() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = client.locks.election(try uniqueName("election"))
      let leader = try await election.campaign(value: "leader")
      try await TestClient.with(servers) { observing in
        let seen = Shared<[String?]>([])
        let watching = self.follow(observing.locks.election(election.name), into: seen)
        try await eventuallyTrue { seen.value == ["leader"] }
        let before = observing.client.currentSession?.watchBytes
        let reads = Shared(0)
        for proxy in observing.proxies {
          _ = await proxy.onFrame { frame in
            let asked: Set<ZooKeeperOperation> = [.getData, .getChildren, .getChildrenAndState, .exists]
            if let operation = frame.zooKeeperOperation, asked.contains(operation) { reads.change { $0 += 1 } }
            return .pass
          }
        }
        for _ in 0..<10 { _ = await Self.failure(of: client.locks.election(election.name)) }
        try await leader.proclaim("leader, later")
        try await eventuallyTrue { seen.value == ["leader", "leader, later"] }
        #expect(reads.value <= 1)
        #expect(observing.client.currentSession?.watchBytes == before)
        watching.cancel()
      }
      try await leader.resign()
    }
  }

  // Curator's CURATOR-644, -645, -620: candidates that reset their nodes at every reconnect chase each other.
  @Test("connections that flap leave the leader in its place, and the next one behind it")
  func flapping() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { one in
      try await TestClient.with(servers, sessionTimeout: .seconds(20)) { two in
        let election = one.locks.election(try uniqueName("election"))
        let leader = try await election.campaign(value: "one")
        let next = Task { try await two.locks.election(election.name).campaign(value: "two").resign() }
        try await eventuallyTrue { try await one.candidateCount(election.name) == 2 }
        let before = try await one.client.children(of: "/\(election.name)").sorted()
        for _ in 0..<5 {
          for client in [one, two] { await client.cutOff() }
          for client in [one, two] { await client.heal() }
          try await one.client.waitUntilReady()
          try await two.client.waitUntilReady()
        }
        #expect(leader.held.isHeld)
        #expect(try await one.client.children(of: "/\(election.name)").sorted() == before)
        try await leader.resign()
        try await next.value
      }
    }
  }

  // Netflix Curator #257: a reset at the start, and another when the connection is there.
  @Test("a campaign that begins while there is no connection has one node when there is one")
  func startWhileCutOff() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20), patience: .seconds(30)) { client in
      try await TestClient.with(servers) { other in
        let election = client.locks.election(try uniqueName("election"))
        let holder = try await other.locks.election(election.name).campaign(value: "holder")
        await client.cutOff()
        let waiting = Task.immediate { try await election.campaign(value: "late").resign() }
        await client.heal()
        try await eventuallyTrue { try await other.candidateCount(election.name) == 2 }
        try await client.client.waitUntilReady()
        #expect(try await other.candidateCount(election.name) == 2)
        try await holder.resign()
        try await waiting.value
        #expect(try await other.candidateCount(election.name) == 0)
      }
    }
  }

  // CURATOR-724: the directory was gone at the reconnect, and the candidate silent for ever. CURATOR-696: an old node is trusted.
  @Test("a candidate whose node and directory are gone when it comes back stands again")
  func wiped() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      try await TestClient.with(servers) { other in
        let election = client.locks.election(try uniqueName("election"))
        let elsewhere = other.locks.election(election.name)
        let holder = try await elsewhere.campaign(value: "holder")
        let waiting = Task.immediate { try await election.withLeadership(value: "waiting") { $0.isHeld } }
        try await eventuallyTrue { try await other.candidateCount(election.name) == 2 }
        await client.cutOff()
        for node in try await other.client.children(of: "/\(election.name)") {
          try await other.delete("/\(election.name)/\(node)")
        }
        try await other.delete("/\(election.name)")
        await client.heal()
        #expect(try await waiting.value)
        await Self.expectLost(holder)
      }
    }
  }

  @Test("a leader whose node is deleted by hand is told, and proclaims nothing over the next leader's value")
  func deletedByHand() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = client.locks.election(try uniqueName("election"))
      let leader = try await election.campaign(value: "one")
      let view = leader.view
      try await client.delete("/\(election.name)/\(try await Self.onlyChild(of: election, client))")
      await #expect { try await view.proclaim("late") } throws: { LockError.Code.lockLost ~= $0 }
      #expect(await view.held.lost?.code == .lockLost)
      await Self.expectLost(leader)
      #expect(try await election.leader() == nil)
    }
  }

  @Test("a leadership of a session that is over proclaims nothing on the next session")
  func proclaimOnNewSession() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = client.locks.election(try uniqueName("election"))
      let old = try await election.campaign(value: "old")
      let view = old.view
      try await servers.member().expireSession(try client.sessionID)
      #expect(await view.held.lost != nil)
      let new = try await election.campaign(value: "new")
      await #expect { try await view.proclaim("late") } throws: { LockError.Code.lockLost ~= $0 }
      #expect(try await election.leader()?.value == "new")
      try await new.resign()
      await Self.expectLost(old)
    }
  }

  // CURATOR-62: a create that was interrupted, or whose answer was lost, leaves a leader that nobody knows.
  @Test("a campaign that is cancelled while the answer to its create is lost leaves no node")
  func cancelledInDoubt() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      try await TestClient.with(servers) { other in
        let election = client.locks.election(try uniqueName("election"))
        try await election.campaign(value: "first").resign()
        for _ in 0..<3 {
          await client.dropNextReply(to: [.createAndState])
          let task = Task.immediate { try await election.campaign(value: "doubtful").resign() }
          task.cancel()
          _ = await task.result
          await client.heal()
          try await eventuallyTrue { try await other.candidateCount(election.name) == 0 }
        }
      }
    }
  }

  // CURATOR-16, -73, -104, Netflix Curator #53: a candidate that does not stand again after its session has ended.
  @Test("a leader service leads again after its session has ended, and after an outage")
  func service() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, patience: .seconds(30)) { client in
      var configuration = LeaderService.Configuration()
      configuration.logger = .quiet
      let election = client.locks.election(try uniqueName("election"))
      let terms = Shared(0)
      let inside = Shared(0)
      let service = LeaderService(election: election, value: "one", configuration: configuration) { _ in
        inside.change { $0 += 1 }
        #expect(inside.value == 1)
        terms.change { $0 += 1 }
        try? await Task.sleep(for: .seconds(600))
        inside.change { $0 -= 1 }
      }
      let running = Task { try await service.run() }
      try await eventuallyTrue { terms.value == 1 }
      try await servers.member().expireSession(try client.sessionID)
      try await eventuallyTrue { terms.value == 2 && service.state == .leading }
      await client.cutOff()
      try await eventuallyTrue { service.state != .leading }
      await client.heal()
      try await eventuallyTrue { terms.value == 3 && service.state == .leading }
      running.cancel()
      try await running.value
      #expect(try await client.candidateCount(election.name) == 0)
    }
  }

  @Test("an observer whose directory comes and goes sees who leads in the end")
  func directory() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let election = client.locks.election(try uniqueName("election"))
      let seen = Shared<[String?]>([])
      let watching = self.follow(election, into: seen)
      try await eventuallyTrue { seen.value == [nil] }
      for number in 0..<3 {
        try await election.withLeadership(value: "\(number)") { _ in
          try await eventuallyTrue { seen.value.last == "\(number)" }
        }
        try await eventuallyTrue { seen.value.last == .some(nil) }
        try await client.delete("/\(election.name)")
      }
      watching.cancel()
      await watching.value
    }
  }

  @Test("the observation ends when the client is closed")
  func closed() async throws {
    let servers = try await TestServers.shared.value
    let client = try await TestClient.open(servers)
    let seen = Shared<[String?]>([])
    let watching = self.follow(client.locks.election(try uniqueName("election")), into: seen)
    try await eventuallyTrue { seen.value == [nil] }
    await client.close()
    await watching.value
    #expect(seen.value == [nil])
  }
}
