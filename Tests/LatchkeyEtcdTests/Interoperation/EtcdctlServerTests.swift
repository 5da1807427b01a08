#if Etcd
import Foundation
import Latchkey
import LatchkeyEtcd
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("etcdctl and we", .serialized, .timeLimit(.minutes(5)))
struct EtcdctlServerTests {
  @Test("exclude one another on one lock, each waiting for the other", arguments: ["orders", "app/orders"])
  func locks(hint: String) async throws {
    let server = try await TestServers.shared.value.members[0]
    try await TestClient.with(TestServers.shared.value) { client in
      let name = try uniqueName(hint)
      let lock = client.lock(name)
      // It holds the lock as long as the file is there.
      let file = FileManager.default.temporaryDirectory.appendingPathComponent("held-\(UUID().uuidString)").path
      #expect(FileManager.default.createFile(atPath: file, contents: nil))
      let script = "echo running; while [ -e \(file) ]; do sleep 0.02; done"
      let other = try Etcdctl(["lock", "\(name)", "--", "sh", "-c", script], endpoint: server.endpoint)
      try await other.waitForOutput("running")
      #expect(try await lock.tryAcquire() == nil)
      let busy = await failure(of: lock, within: .milliseconds(300))
      #expect(busy?.code == .timedOut && busy?.wait?.place == 1)
      let waiter = Task { try await lock.acquire(within: .seconds(20)).held.isHeld }
      try await eventuallyTrue(within: .seconds(5)) { try await client.keys("\(name)/").count == 2 }
      try FileManager.default.removeItem(atPath: file)
      #expect(try await waiter.value)
      try await other.interrupt()

      let lease = try await lock.acquire(within: .seconds(10))
      let next = try Etcdctl(["lock", "\(name)", "echo", "mine"], endpoint: server.endpoint)
      try await eventuallyTrue(within: .seconds(10)) { try await client.keys("\(name)/").count == 2 }
      #expect(try !next.output.contains("mine"))
      try await lease.release()
      try await next.waitForOutput("mine")
      try await next.interrupt()
    }
  }

  @Test("a lock is not held up by locks whose names begin with its own")
  func nested() async throws {
    try await TestClient.with(TestServers.shared.value) { client in
      let name = try uniqueName("nested")
      let inner = try await client.lock(try LockName("\(name)/42")).acquire(within: .seconds(5))
      let tried = try await client.lock(name).tryAcquire()
      let first = try #require(tried != nil ? 1 : nil)
      #expect(first == 1)
      if let tried { try await tried.release() }
      let outer = try await client.lock(name).acquire(within: .seconds(5))
      #expect(try await client.lock(name).tryAcquire() == nil)
      #expect(await failure(of: client.lock(name), within: .milliseconds(200))?.code == .timedOut)
      try await outer.release()
      try await inner.release()
    }
  }

  @Test("elect among one another, and see who leads")
  func election() async throws {
    let server = try await TestServers.shared.value.members[0]
    try await TestClient.with(TestServers.shared.value) { client in
      let name = try uniqueName("election")
      let election = EtcdElection(client: client.client, name: name)
      let theirs = try Etcdctl(["elect", "\(name)", "theirs"], endpoint: server.endpoint)
      try await theirs.waitForOutput("theirs")
      #expect(try await election.leader()?.value == "theirs")

      let campaign = Task { try await Self.lead(election, name, client, server) }
      try await eventuallyTrue(within: .seconds(10)) { try await client.keys("\(name)/").count == 2 }
      try await theirs.interrupt()
      try await campaign.value
    }
  }

  private static func lead(
    _ election: EtcdElection,
    _ name: LockName,
    _ client: TestClient,
    _ server: EtcdServer
  ) async throws {
    let leadership = try await election.campaign(value: "ours", within: .seconds(20))
    let listener = try Etcdctl(["elect", "--listen", "\(name)"], endpoint: server.endpoint)
    try await listener.waitForOutput("ours")
    try await leadership.proclaim("ours, later")
    try await listener.waitForOutput("ours, later")
    #expect(
      try await election.leader()
        == Leader(
          value: "ours, later",
          token: leadership.held.token
        )
    )
    let next = try Etcdctl(["elect", "\(name)", "next"], endpoint: server.endpoint)
    try await eventuallyTrue(within: .seconds(10)) { try await client.keys("\(name)/").count == 2 }
    try await leadership.resign()
    try await next.waitForOutput("next")
    try await next.interrupt()
    try await listener.interrupt()
  }
}
#endif
