#if Etcd
import Foundation
import InMemoryLogging
import Latchkey
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import Testing

@testable import LatchkeyEtcd

@Suite("An etcd client whose endpoints are not of one cluster", .serialized, .timeLimit(.minutes(3)))
struct ClusterServerTests {
  @Test("says so at the start, and never asks the stranger for a lock")
  func stranger() async throws {
    try await withEtcd { ours in
      try await withEtcd { stranger in
        let log = InMemoryLogHandler()
        try await TestClient.with(
          TestServers(members: [ours, stranger]),
          sessionTimeout: .seconds(2),
          change: { configuration in
            configuration.connectTimeout = .seconds(2)
            configuration.logger = Logger(label: "test") { _ in log }
          }
        ) { client in
          try await eventuallyTrue(within: .seconds(10)) {
            log.entries.contains { $0.level == .error && "\($0.message)".contains("another cluster") }
          }
          let name = try uniqueName()
          let lease = try await client.lock(name).acquire(within: .seconds(5))
          let held = lease.held
          // Without the first, the second could be reached. It would give the lock to anybody.
          await ours.kill()
          #expect(await held.lost?.code == .lockLost)
          await expectLost(lease)
          let error = try #require(await failure(of: client.lock(name), within: .zero))
          #expect(error.code == .unreachable)
          #expect("\(error)".contains("belongs to another cluster"), "\(error)")
          try await TestClient.with(TestServers(members: [stranger])) { other in
            let keys = try await other.keys("\(name)/")
            #expect(keys.isEmpty)
          }
          // With the same data it is the same cluster.
          try ours.launch()
          try await ours.waitUntilReady()
          try await client.lock(name).acquire(within: .seconds(20)).release()
        }
      }
    }
  }

  @Test("tells a stranger by any answer, not only by the first")
  func anyAnswer() async throws {
    let servers = try await TestServers.shared.value
    try await TestClient.with(servers, sessionTimeout: .seconds(30)) { client in
      let connections = client.client.connections
      let ask = { () async throws(EtcdError) in
        _ = try await connections.call(EtcdMethods.range, .key([1]), timeout: .seconds(5))
      }
      let ours = try #require(connections.state.withLock { $0.cluster })
      // As if the server had not told the cluster at first.
      connections.state.withLock { $0.cluster = nil }
      try await ask()
      #expect(connections.state.withLock { $0.cluster } == ours)
      connections.state.withLock { $0.cluster = ours &+ 1 }
      // An answer to the session may be the first to tell, and ends the connection while this call is on its way.
      let isTold = try await eventually {
        let error = await #expect(throws: EtcdError.self) { try await ask() }
        return error?.message.contains("another cluster") == true
      }
      #expect(isTold)
      connections.state.withLock { $0.cluster = ours }
    }
  }

  @Test("refuses etcd's gRPC proxy as soon as it shows itself, and says what to name instead")
  func proxy() async throws {
    let server = try await TestServers.shared.value.members[0]
    let listener = try await FaultProxy.start(to: server.port)
    let endpoint = listener.connectString
    await listener.stop()
    let proxy = Process()
    proxy.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    proxy.arguments = ["etcd", "grpc-proxy", "start", "--endpoints=\(server.endpoint)", "--listen-addr=\(endpoint)"]
    proxy.standardOutput = FileHandle.nullDevice
    proxy.standardError = FileHandle.nullDevice
    try proxy.run()
    defer { proxy.terminate() }
    var configuration = EtcdClient.Configuration(endpoints: [endpoint])
    configuration.sessionTimeout = .seconds(2)
    try await EtcdClient.withClient(configuration) { client in
      _ = client.watches.add(.deletion(Array("nobody".utf8))) { _ in }
      try await eventuallyTrue(within: .seconds(10)) { client.connections.state.withLock { !$0.refused.isEmpty } }
      let lock = EtcdLocks(client: client).lock(try uniqueName())
      // The session ends before the next is asked for.
      try await eventuallyTrue(within: .seconds(20)) {
        let error = try #require(await failure(of: lock, within: .seconds(1)))
        return error.code == .unreachable && "\(error)".contains("name the members")
      }
    }
  }

  @Test("goes on to a member of its own cluster, past a stranger in the list")
  func passesStranger() async throws {
    try await withEtcd { stranger in
      let cluster = try await TestServers.conformanceCluster.value
      let servers = TestServers(members: [cluster.members[0], stranger, cluster.members[1]])
      try await TestClient.with(servers, sessionTimeout: .seconds(10)) { client in
        let lease = try await client.lock(try uniqueName()).acquire(within: .seconds(5))
        let held = lease.held
        let deadline = try #require(held.deadline)
        await client.proxies[0].stop()
        try await eventuallyTrue(within: .seconds(10)) { held.deadline.map { $0 > deadline } ?? false }
        #expect(held.isHeld)
        try await lease.release()
      }
    }
  }
}
#endif
