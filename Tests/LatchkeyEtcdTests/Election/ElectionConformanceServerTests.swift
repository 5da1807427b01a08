#if Etcd
import Latchkey
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("The etcd election keeps the promises of an election", .serialized, .timeLimit(.minutes(10)))
struct ElectionConformanceServerTests {
  private static let subject = Task { try await ElectionSubject.etcd(TestServers.shared.value) }

  @Test("on one server", arguments: ElectionConformance.checks)
  func promise(_ check: ElectionConformance.Check) async throws {
    try await ElectionConformance(subject: Self.subject.value).run(check)
  }
}

extension ElectionSubject {
  /// The etcd election on given servers, with every fault that the suite knows.
  fileprivate static func etcd(_ servers: TestServers) async throws -> ElectionSubject {
    // An observer of its own sees what is left at the servers.
    let observer = try await TestClient.open(servers, sessionTimeout: .seconds(30))
    var faults = LockFaults<TestClient>()
    faults.expireSession = { client in try await observer.revoke(try client.lease) }
    faults.cutOff = { client in await client.cutOff() }
    faults.heal = { client in await client.heal() }
    faults.leftovers = { name in try await observer.keys("\(name)/").count }
    var subject = ElectionSubject(
      label: "etcd",
      faults: faults,
      makeClient: { try await TestClient.open(servers) },
      election: { client, name in EtcdElection(client: client.client, name: name) },
      close: { await $0.close() }
    )
    subject.patience = .seconds(60)
    return subject
  }
}
#endif
