import Latchkey
import LatchkeyTesting
import LatchkeyRedis

extension LockSubject {
  /// The lock on one Redis server, or Redlock on several, with every fault that applies.
  static func redis(_ label: String, _ servers: [RedisServer]) -> LockSubject {
    var faults = LockFaults<LockClient>()
    // A server has no sessions: what it can forget of a client is its keys.
    faults.expireSession = { client in
      for server in servers {
        for case let key? in try await server.command("KEYS", "conformance/*") {
          if try await server.value(of: key)?.hasSuffix(":\(client.label)") == true {
            try await server.command("DEL", key)
          }
        }
      }
    }
    faults.cutOff = { client in await client.cutOff() }
    faults.heal = { client in await client.heal() }
    faults.dropNextReply = { client, reply in await client.dropNextReply(to: reply) }
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
      traits: servers.count == 1 ? [.fenced, .deadline, .namesHolder] : [.deadline, .namesHolder],
      faults: faults,
      makeClient: { try await LockClient.open(servers) },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }
}
