#if Etcd
import Latchkey
import LatchkeyTesting

@testable import LatchkeyEtcd

extension LockSubject {
  /// The etcd lock on given servers, with every fault that the suite knows.
  static func etcd(_ label: String, _ servers: TestServers) async throws -> LockSubject {
    // An observer of its own sees what is left at the servers.
    let observer = try await TestClient.open(servers, sessionTimeout: .seconds(30))
    var faults = LockFaults<TestClient>()
    faults.expireSession = { client in try await observer.revoke(try client.lease) }
    faults.cutOff = { client in await client.cutOff() }
    faults.heal = { client in await client.heal() }
    faults.dropNextReply = { client, reply in
      switch reply {
      case .acquire: await client.dropNextReply(toRequestWith: RequestBytes.entersQueue)
      case .release: await client.dropNextReply(toRequestWith: RequestBytes.deletesKey)
      }
    }
    faults.stopServers = { for member in servers.members { await member.kill() } }
    faults.startServers = {
      for member in servers.members { try member.launch() }
      for member in servers.members { try await member.waitUntilReady() }
    }
    faults.leftovers = { name in try await observer.keys("\(name)/").count }
    faults.breakLock = { name in
      if let first = try await observer.keys("\(name)/").first { try await observer.delete(first) }
    }
    var subject = LockSubject(
      label: label,
      traits: [.fenced, .fair, .deadline, .namesHolder],
      faults: faults,
      makeClient: { try await TestClient.open(servers) },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }
}
#endif
