import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("A session through faults", .timeLimit(.minutes(2)))
struct SessionServerTests {
  private func configuration(_ server: ZooKeeperServer) -> ZooKeeperClient.Configuration {
    var configuration = ZooKeeperClient.Configuration(connectString: server.connectString)
    configuration.sessionTimeout = .seconds(2)
    configuration.tick = .milliseconds(200)
    return configuration
  }

  /// Everything that a client's observers are told, as text.
  private final class Record: Sendable {
    private let events = Locked<[String]>([])

    var all: [String] { self.events.withLock { $0 } }

    func note(_ event: ZKSessionEvent) {
      let text =
        switch event {
        case .connected(let session): "connected \(session.generation)"
        case .suspended(let session): "suspended \(session.generation)"
        case .ended(let session, let error): "ended \(session.generation) \(error.code)"
        case .closed(let error): "closed \(error.code)"
        }
      self.events.withLock { $0.append(text) }
    }
  }

  @Test("after expiry a new session comes by itself, and everybody is told in order")
  func expiry() async throws {
    let server = try await SharedServer.value
    let record = Record()
    try await ZooKeeperClient.withClient(self.configuration(server)) { client in
      _ = client.addSessionObserver { record.note($0) }
      let old = try #require(client.currentSession)
      let term = old.term
      #expect(term.isLive)
      var states = client.states.makeAsyncIterator()
      #expect(await states.next() == .connected)
      let watch = try await client.existsWatching("/none").watch
      try await server.expireSession(old.id)
      // The client may come back once more before the server has ended the session.
      var seen: [SessionState] = []
      while let state = await states.next(), state != .connecting { seen.append(state) }
      #expect(seen.suffix(2) == [.suspended, .expired])
      #expect(await states.next() == .connected)
      #expect(!term.isLive && !old.term.isLive)
      #expect(try await watch.event() == .sessionEnded)
      #expect(await answer { old.delete("/none", $0) } == .sessionExpired)
      let new = try await client.waitForSession(within: .seconds(10))
      #expect(new.generation == 2 && new.id != old.id && new.term.isLive)
      #expect(try await client.exists("/") != nil)
    }
    #expect(
      record.all.suffix(5) == [
        "suspended 1", "ended 1 session expired", "connected 2", "ended 2 the client is closed",
        "closed the client is closed",
      ]
    )
  }

  @Test("credentials are given to the new session")
  func credentialsAfterExpiry() async throws {
    let server = try await SharedServer.value
    try await withClient({ $0.credentials = [.digest(user: "bob", password: "secret")] }) { client, directory in
      try await client.create("\(directory)/s", data: [1], acl: .creatorAll)
      let old = try #require(client.currentSession)
      try await server.expireSession(old.id)
      #expect(try await eventually { client.currentSession.map { $0.generation == 2 } ?? false })
      #expect(try await client.get("\(directory)/s").data == [1])
    }
  }

  @Test("a follower of a node's data goes on over a restart of the server and over an expired session")
  func changesOverFaults() async throws {
    try await withZooKeeper { server in
      try await ZooKeeperClient.withClient(self.configuration(server)) { client in
        try await client.create("/a", data: [0])
        var changes = client.dataChanges(of: "/a").makeAsyncIterator()
        #expect(try await changes.next()??.data == [0])
        await server.kill()
        try await server.restart()
        try await ZooKeeperClient.withClient(self.configuration(server)) { other in
          _ = try await other.set("/a", data: [1])
        }
        #expect(try await changes.next()??.data == [1])
        let session = try await client.waitForSession(within: nil)
        try await server.expireSession(session.id)
        try await ZooKeeperClient.withClient(self.configuration(server)) { other in
          _ = try await other.set("/a", data: [2])
        }
        #expect(try await changes.next()??.data == [2])
      }
    }
  }

  @Test("a server that falls silent ends the term in time, and a new one begins when it is back")
  func silentServer() async throws {
    try await withZooKeeper { server in
      try await ZooKeeperClient.withClient(self.configuration(server)) { client in
        let session = try #require(client.currentSession)
        let term = session.term
        let ended = Locked<ContinuousClock.Instant?>(nil)
        _ = term.onEnd { _ in ended.withLock { $0 = .now } }
        // Proofs come while the server answers.
        let first = term.deadline
        #expect(try await eventually { term.deadline > first })
        try server.pause()
        #expect(try await eventually { ended.withLock { $0 } != nil })
        let deadline = term.deadline
        let told = try #require(ended.withLock { $0 })
        #expect(told >= deadline && told < deadline + .milliseconds(200))
        let next = OneShot<Term?>()
        session.onLiveTerm { next.resolve($0) }
        try server.resume()
        // Either the session has survived, or it is over and a new one comes.
        let new = await next.wait(cancelled: nil)
        #expect(!term.isLive)
        if let new { #expect(new !== term && new.isLive) }
        #expect(try await client.waitForSession(within: .seconds(20)).isConnected)
      }
    }
  }

  @Test("the deadline moves forward, with and without interest, by about the pace of time")
  func steadyDeadline() async throws {
    try await withClient { client, _ in
      let session = try #require(client.currentSession)
      #expect(session.timeout == .seconds(4))
      let hooked = OneShot<Void>()
      for interested in [false, true] {
        if interested {
          session.retainInterest()
          _ = session.onNextHeartbeat { hooked.resolve() }
        }
        let before = session.term.deadline
        #expect(try await eventually { session.term.deadline > before + .milliseconds(600) })
        #expect(session.term.isLive)
        let lead = session.term.deadline - ContinuousClock.now
        #expect(lead > .seconds(2) && lead < .seconds(4))
      }
      await hooked.wait(cancelled: ())
      session.releaseInterest()
    }
  }

  @Test("closing with a thousand requests under way answers each of them once")
  func closeWithRequests() async throws {
    let server = try await SharedServer.value
    for round in 0..<5 {
      let counts = Locked([Int](repeating: 0, count: 3_000))
      try await ZooKeeperClient.withClient(self.configuration(server)) { client in
        let session = try #require(client.currentSession)
        for index in 0..<1_000 {
          session.exists("/none") { _ in counts.withLock { $0[index] += 1 } }
          session.delete("/none/none") { _ in counts.withLock { $0[1_000 + index] += 1 } }
          session.createAndScan(directory: "/none", prefix: "/none/x-lock-", data: [], acl: .open, markers: .locks) {
            _ in
            counts.withLock { $0[2_000 + index] += 1 }
          }
        }
      }
      #expect(try await eventually { counts.withLock { !$0.contains(0) } }, "round \(round)")
      #expect(counts.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test("requests without end while the session expires are each answered once")
  func hammerWhileExpiring() async throws {
    let server = try await SharedServer.value
    try await ZooKeeperClient.withClient(self.configuration(server)) { client in
      for _ in 0..<4 {
        let session = try await client.waitForSession(within: .seconds(10))
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<3 {
            group.addTask {
              while session.state.withLock({ $0.end }) == nil {
                // Not without bound: the server would drown, and the test would be of that.
                if tally.open < 2_000 {
                  let number = tally.ask()
                  session.exists("/none") { _ in tally.answer(number) }
                }
                await Task.yield()
              }
            }
          }
          group.addTask { try? await server.expireSession(session.id) }
        }
        #expect(tally.asked > 0)
        #expect(try await eventually { tally.answers.count == tally.asked })
        #expect(tally.answers.values.allSatisfy { $0 == 1 })
      }
    }
  }

  /// Counts requests and the answers to each.
  private final class Tally: Sendable {
    private let state = Locked((asked: 0, answers: [Int: Int]()))

    var asked: Int { self.state.withLock { $0.asked } }

    var answers: [Int: Int] { self.state.withLock { $0.answers } }

    var open: Int { self.state.withLock { $0.asked - $0.answers.count } }

    func ask() -> Int {
      self.state.withLock { state in
        state.asked += 1
        return state.asked
      }
    }

    func answer(_ number: Int) {
      self.state.withLock { $0.answers[number, default: 0] += 1 }
    }
  }

  @Test("a client can be closed from inside a callback of its session")
  func closeInCallback() async throws {
    let server = try await SharedServer.value
    for _ in 0..<10 {
      let client = try ZooKeeperClient(self.configuration(server))
      let run = Task { try await client.run() }
      let session = try await client.waitForSession(within: .seconds(10))
      let id = session.addWatch(.exists, path: "/zookeeper") { _ in }
      session.exists("/zookeeper", watch: id) { _ in client.beginClose() }
      try await run.value
      #expect(session.state.withLock { $0.end } == .closed)
    }
  }

  @Test("a restart of the server is ridden out by the same session")
  func restart() async throws {
    try await withZooKeeper { server in
      var configuration = self.configuration(server)
      configuration.sessionTimeout = .seconds(20)
      try await ZooKeeperClient.withClient(configuration) { client in
        let id = try #require(client.currentSession).id
        try await client.create("/e", mode: .ephemeral)
        try server.pause()
        let interrupted = OneShot<Result<Stat?, ZooKeeperError>>()
        try #require(client.currentSession).exists("/none") { interrupted.resolve($0) }
        await server.kill()
        // A lost answer is no answer.
        await #expect(throws: ZooKeeperError.self) {
          try await interrupted.get(cancelled: ZooKeeperError(.cancelled, operation: "test"))
        }
        #expect(try await eventually { client.currentSession == nil })
        try await server.restart()
        let session = try await client.waitForSession(within: .seconds(20))
        #expect(session.id == id && session.generation == 1)
        #expect(try await client.exists("/e")?.ephemeralOwner == id)
      }
    }
  }
}
