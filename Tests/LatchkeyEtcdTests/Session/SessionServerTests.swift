#if Etcd
import Dispatch
import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import NIOCore
import NIOPosix
import Testing

@testable import LatchkeyEtcd

@Suite("The session of an etcd client", .serialized, .timeLimit(.minutes(3)))
struct SessionServerTests {
  @Test("is over when its term has ended, although its lease is kept alive, and another takes its place")
  func deadTerm() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(3)) { client in
      let name = try uniqueName()
      let lease = try await client.lock(name).acquire(within: .seconds(5))
      let session = try #require(client.client.keeper.session)
      // As when the process stands still between the answer to a keep-alive and what follows from it.
      session.term.limit(to: .now)
      #expect(!lease.held.isHeld)
      try await eventuallyTrue(within: .seconds(20)) {
        client.client.keeper.session.map { $0.lease != session.lease } ?? false
      }
      try await client.lock(name).acquire(within: .seconds(5)).release()
      await expectLost(lease)
    }
  }

  @Test("ends at its deadline although the client's timers stand still, as they do while the machine sleeps")
  func timersStandStill() async throws {
    let servers = try await TestServers.shared.value
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var configuration = EtcdClient.Configuration(endpoints: servers.endpoints)
    configuration.sessionTimeout = .seconds(2)
    let client = try EtcdClient(configuration, loop: group.next())
    client.begin()
    try await client.waitUntilReady()
    let lease = try await EtcdLocks(client: client).lock(try uniqueName()).acquire(within: .seconds(5))
    let goOn = DispatchSemaphore(value: 0)
    let isTold = Shared(false)
    let session = try #require(client.keeper.session)
    _ = session.term.onEnd { _ in isTold.change { $0 = true } }
    client.loop.execute { goOn.wait() }
    let isOver = try await eventually(within: .seconds(10)) { isTold.value }
    goOn.signal()
    #expect(isOver)
    await client.close()
    await lease.releaseQuietly()
    try await group.shutdownGracefully()
  }
}
#endif
