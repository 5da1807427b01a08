#if Etcd
import Latchkey
import LatchkeyEtcd

// The code of the article *Locks on etcd*.

enum OnEtcd {
  static func configured(_ endpoints: [String]) async throws -> FencingToken? {
    // snippet: etcd lock
    var configuration = EtcdClient.Configuration(endpoints: endpoints)
    configuration.sessionTimeout = .seconds(10)  // after a crash, others wait so long
    return try await EtcdClient.withClient(configuration) { client in
      let locks = EtcdLocks(client: client)
      return try await locks.lock("orders").withLock(within: .seconds(5)) { held, token in
        try held.ensureHeld()
        return token
      }
    }
    // end
  }

  static func election(_ client: EtcdClient) async throws -> Leader? {
    // snippet: etcd election
    let election = EtcdElection(client: client, name: "scheduler")
    let leadership = try await election.campaign(value: "node-7", within: .seconds(5))
    let leader = try await election.leader()  // what everybody else sees
    try await leadership.resign()
    // end
    return leader
  }
}
#endif
