import Latchkey
import LatchkeyRedis
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("Elections over Redis locks", .serialized, .timeLimit(.minutes(5)))
struct ElectionServerTests {
  private static let subject = Task { ElectionSubject.redis(try await SharedRedis.value) }

  /// A candidate that waits has no key, so the server cannot say when it stands: what cuts one off at that moment is left out.
  private static let checks = ElectionConformance.checks.filter { !$0.needs.contains(.cutOff) }

  @Test("keep the promises of an election, on one server", arguments: Self.checks)
  func conformance(_ check: ElectionConformance.Check) async throws {
    try await ElectionConformance(subject: Self.subject.value).run(check)
  }

  @Test("show a leader in another process by the label of its locks, with its token")
  func otherProcess() async throws {
    let servers = [try await SharedRedis.value]
    let name = try uniqueName("election")
    try await LockClient.with(servers) { client in
      try await LockClient.with(servers) { other in
        // Behind proxies of their own, the two take their servers for different ones, as processes do.
        let ours = LockElection(client.lock(name), inspector: RedisLockInspector(executor: client.connections[0]))
        let theirs = LockElection(other.lock(name), inspector: RedisLockInspector(executor: other.connections[0]))
        try await ours.withLeadership(value: "node-7") { leadership in
          let (seenHere, seenThere) = (try await ours.leader(), try await theirs.leader())
          #expect(seenHere == Leader(value: "node-7", token: leadership.token))
          #expect(seenThere == Leader(value: client.label, token: leadership.token))
        }
        #expect(try await theirs.leader() == nil)
      }
    }
  }

  @Test("have no tokens by Redlock, and exclude one another all the same")
  func redlock() async throws {
    let servers = try await QuorumOfRedis.five.value
    let name = try uniqueName("election")
    try await LockClient.with(servers) { client in
      try await LockClient.with(servers) { other in
        let ours = LockElection(client.lock(name), inspector: RedlockInspector(servers: client.connections))
        let theirs = LockElection(other.lock(name), inspector: RedlockInspector(servers: other.connections))
        try await ours.withLeadership(value: "node-7") { leadership in
          #expect(leadership.token == nil)
          let leader = try await theirs.leader()
          #expect(leader == Leader(value: client.label, token: nil))
          await #expect {
            try await theirs.withLeadership(value: "node-8", within: .zero) { _ in }
          } throws: {
            LockError.Code.timedOut ~= $0
          }
        }
      }
    }
  }
}

extension ElectionSubject {
  /// An election over the locks on one server.
  fileprivate static func redis(_ server: RedisServer) -> ElectionSubject {
    var faults = LockFaults<LockClient>()
    // A server has no sessions: what it can forget of a client is its keys.
    faults.expireSession = { client in
      for case let key? in try await server.command("KEYS", "election/*") {
        if try await server.value(of: key)?.hasSuffix(":\(client.label)") == true {
          try await server.command("DEL", key)
        }
      }
    }
    faults.leftovers = { name in try await server.has("\(name)") ? 1 : 0 }
    var subject = ElectionSubject(
      label: "Redis",
      faults: faults,
      makeClient: { try await LockClient.open([server], changeLocks: { $0.server = "the one" }) },
      election: { client, name in
        LockElection(
          client.lock(name),
          inspector: RedisLockInspector(executor: client.connections[0], server: "the one"),
          pollInterval: .milliseconds(20)
        )
      },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }
}
