import Latchkey
import LatchkeyTesting
import LatchkeyRedis
import Testing

extension LockSubject {
  /// The lock on one Redis server, or Redlock on several, with every fault that applies.
  static func redis(_ label: String, _ servers: [RedisServer]) -> LockSubject {
    servers.count == 1
      ? self.redis(label, servers, [.fenced, .deadline, .namesHolder], RedisLocks.self)
      : self.redis(label, servers, [.deadline, .namesHolder], RedlockLocks.self)
  }

  private static func redis<Locks: LockProvider>(
    _ label: String,
    _ servers: [RedisServer],
    _ traits: Traits,
    _ type: Locks.Type
  ) -> LockSubject {
    var faults = LockFaults<SubjectClient<Locks>>()
    // A server has no sessions: what it can forget of a client is its keys.
    faults.expireSession = { client in
      for server in servers {
        for case let key? in try await server.command("KEYS", "conformance/*") {
          if try await server.value(of: key)?.hasSuffix(":\(client.whole.label)") == true {
            try await server.command("DEL", key)
          }
        }
      }
    }
    faults.cutOff = { client in await client.whole.cutOff() }
    faults.heal = { client in await client.whole.heal() }
    faults.dropNextReply = { client, reply in await client.whole.dropNextReply(to: reply) }
    faults.stopServers = { for server in servers { await server.kill() } }
    faults.startServers = {
      for server in servers { try server.launch() }
      for server in servers { try await server.waitUntilReady() }
    }
    faults.leftovers = { name in
      var count = 0
      for server in servers where try await server.has("\(name)") { count += 1 }
      return count
    }
    faults.breakLock = { name in for server in servers { try await server.command("DEL", "\(name)") } }
    var subject = LockSubject(
      label: label,
      traits: traits,
      faults: faults,
      makeClient: {
        let client = try await LockClient.open(servers)
        return SubjectClient(whole: client, locks: try #require(client.locks as? Locks))
      },
      close: { await $0.whole.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }
}

/// A client whose locks have their type.
private struct SubjectClient<Locks: LockProvider>: LockProvider {
  let whole: LockClient
  let locks: Locks

  func lock(_ name: LockName) -> Locks.Lock { self.locks.lock(name) }
}
