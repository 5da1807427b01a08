#if Etcd
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("An etcd lock, when a call that is named by its method goes wrong", .serialized, .timeLimit(.minutes(5)))
struct MethodFaultServerTests {
  @Test("the reply to the third Txn is lost: the lock is granted all the same, and nothing is left")
  func thirdTxn() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers) { client in
      let name = try uniqueName()
      let proxy = client.proxies[0]
      let isTxn: @Sendable (FaultProxy.Frame) -> Bool = { $0.grpcMethod == EtcdMethods.txn.path }
      let sent = await proxy.watch(.clientToServer, matching: isTxn)
      let lost = await proxy.dropReply(3, thenReset: true, matching: isTxn)
      // An acquisition and a release, a Txn each; then the acquisition whose reply is lost.
      try await client.lock(name).acquire(within: .seconds(5)).release()
      try await eventuallyTrue(within: .seconds(5)) { try await client.keys("\(name)/").isEmpty }
      #expect(await (sent.strikes, lost.strikes) == (2, 0))
      let lease = try await client.lock(name).acquire(within: .seconds(5))
      #expect(await lost.strikes == 1)
      #expect(lease.held.isHeld)
      #expect(try await client.keys("\(name)/").count == 1)
      try await lease.release()
      try await eventuallyTrue(within: .seconds(5)) { try await client.keys("\(name)/").isEmpty }
    }
  }

  @Test(
    "LeaseKeepAlive answers are held back: the holder is told by its deadline, and the lock is there again afterwards"
  )
  func keepAlivesHeld() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(2)) { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire(within: .seconds(5))
      let held = lease.held
      let rule = await client.proxies[0].onFrame { frame in
        let isAnswer = frame.direction == .serverToClient && frame.grpcMethod == EtcdMethods.leaseKeepAlive.path
        return isAnswer ? .hold : .pass
      }
      try await rule.struck()
      #expect(await held.lost?.code == .lockLost)
      let late = try #require(held.deadline).duration(to: .now)
      #expect(late < .seconds(1))
      await expectLost(lease)
      await rule.remove()
      try await lock.acquire(within: .seconds(20)).release()
    }
  }

  @Test("LeaseKeepAlive answers are lost and nothing else: other calls go on, and the holder is told by its deadline")
  func keepAlivesLost() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(2)) { client in
      let lock = client.lock(try uniqueName())
      let lease = try await lock.acquire(within: .seconds(5))
      let held = lease.held
      let rule = await client.proxies[0].onFrame { frame in
        let isAnswer = frame.direction == .serverToClient && frame.grpcMethod == EtcdMethods.leaseKeepAlive.path
        return isAnswer ? .drop : .pass
      }
      try await rule.struck()
      #expect(try await client.keys("\(lock.name)/").count == 1)
      #expect(await held.lost?.code == .lockLost)
      #expect(!held.isHeld)
      await expectLost(lease)
      await rule.remove()
      try await lock.acquire(within: .seconds(20)).release()
    }
  }
}
#endif
