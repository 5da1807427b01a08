#if Etcd
import EtcdAPI
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import Testing

@testable import LatchkeyEtcd

@Suite("What an etcd cluster refuses at present", .serialized, .timeLimit(.minutes(3)))
struct RefusalServerTests {
  private static func configuration(_ server: EtcdServer) -> EtcdClient.Configuration {
    var configuration = EtcdClient.Configuration(endpoints: [server.endpoint])
    configuration.connectTimeout = .seconds(2)
    configuration.logger = Logger.quiet
    return configuration
  }

  @Test("is asked again: a session comes once the store has room, for as long as a call is willing to wait")
  func sessionWhileFull() async throws {
    try await withEtcd { server in
      try await server.setNoSpaceAlarm(true)
      let client = try EtcdClient(Self.configuration(server))
      client.begin()
      let lock = EtcdLocks(client: client).lock(try uniqueName())
      let waiter = Task { try await lock.acquire(within: .seconds(40)).release() }
      let error = await failure(of: lock, within: .milliseconds(500))
      #expect(error?.code == .unreachable)
      #expect("\(try #require(error))".contains("etcdctl alarm disarm"), "\(String(describing: error))")
      // Longer than a first connection may take: the cluster has been reached.
      try await Task.sleep(for: .seconds(2.5))
      try await server.setNoSpaceAlarm(false)
      try await waiter.value
      await client.close()
    }
  }

  @Test("is told with what to do about it when the budget ends, also by a client that has a session")
  func lockWhileFull() async throws {
    try await withEtcd { server in
      try await TestClient.with(TestServers(members: [server])) { client in
        let lock = client.lock(try uniqueName())
        try await lock.acquire(within: .seconds(5)).release()
        try await server.setNoSpaceAlarm(true)
        let waiter = Task { try await lock.acquire(within: .seconds(40)).release() }
        let error = await failure(of: lock, within: .seconds(1))
        #expect(error?.code == .unreachable)
        #expect("\(try #require(error))".contains("etcdctl alarm disarm"), "\(String(describing: error))")
        try await server.setNoSpaceAlarm(false)
        try await waiter.value
      }
    }
  }

  @Test("ends the client's start with what to do about it")
  func start() async throws {
    try await withEtcd { server in
      try await server.setNoSpaceAlarm(true)
      let error = await #expect(throws: EtcdError.self) {
        try await EtcdClient.withClient(Self.configuration(server)) { _ in }
      }
      #expect(error?.message.contains("etcdctl alarm disarm") == true, "\(String(describing: error))")
    }
  }
}
#endif
