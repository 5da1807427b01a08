#if Etcd
import Foundation
import Latchkey
import LatchkeyEtcd
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("Looking at locks in etcd", .serialized, .timeLimit(.minutes(3)))
struct InspectorServerTests {
  private static func withInspector<R>(_ body: (EtcdLockInspector, EtcdServer) async throws -> R) async throws -> R {
    let server = try await TestServers.shared.value.members[0]
    let inspector = try EtcdLockInspector(EtcdClient.Configuration(endpoints: [server.endpoint]))
    defer { inspector.close() }
    return try await body(inspector, server)
  }

  @Test("a lock that nobody has ever used is free, and looking leaves neither key nor lease")
  func unknown() async throws {
    try await Self.withInspector { inspector, server in
      let name = try uniqueName("inspect")
      let before = try await Etcdctl.run(["lease", "list"], endpoint: server.endpoint)
      let report = try await inspector.inspect(name)
      #expect(report.isFree && report.queue.isEmpty && report.backend.kind == "etcd")
      #expect(try await Etcdctl.run(["lease", "list"], endpoint: server.endpoint) == before)
      #expect(try await Etcdctl.run(["get", "--prefix", "\(name)/"], endpoint: server.endpoint).isEmpty)
    }
  }

  @Test("the holder comes first, then who waits; the one that is removed is told, and the next has the lock")
  func remove() async throws {
    try await Self.withInspector { inspector, server in
      let name = try uniqueName("inspect")
      try await TestClient.with(TestServers.shared.value, sessionTimeout: .seconds(20)) { client in
        let lease = try await client.lock(name).acquire(within: .seconds(10))
        try await TestClient.with(TestServers.shared.value, sessionTimeout: .seconds(20)) { other in
          let waiter = Task { try await other.lock(name).withLock(within: .seconds(30)) { $0.isHeld } }
          try await eventuallyTrue(within: .seconds(10)) { try await inspector.inspect(name).queue.count == 1 }
          let report = try await inspector.inspect(name)
          let holder = try #require(report.holder)
          #expect(holder.host == ThisProcess.host && holder.pid == ThisProcess.id)
          #expect(holder.token == lease.held.token)
          #expect(holder.session == String(UInt64(bitPattern: try client.lease), radix: 16))
          #expect(try #require(holder.remaining) > .seconds(5))
          #expect(report.queue[0].session == String(UInt64(bitPattern: try other.lease), radix: 16))

          #expect(try await inspector.remove(holder, from: name))
          #expect(try await waiter.value)
          #expect(try await eventually(within: .seconds(10)) { !lease.held.isHeld })
          #expect(try await !inspector.remove(holder, from: name))
        }
        await expectLost(lease)
      }
    }
  }

  @Test("locks whose names begin with this one's do not count")
  func nested() async throws {
    try await Self.withInspector { inspector, _ in
      let name = try uniqueName("inspect")
      try await TestClient.with(TestServers.shared.value) { client in
        let inner = try LockName("\(name)/42")
        let lease = try await client.lock(inner).acquire(within: .seconds(5))
        #expect(try await inspector.inspect(name).isFree)
        #expect(try await inspector.inspect(inner).holder?.token == lease.held.token)
        try await lease.release()
      }
    }
  }

  @Test("a holder of etcdctl is shown by its key and lease, and can be removed")
  func etcdctl() async throws {
    try await Self.withInspector { inspector, server in
      let name = try uniqueName("inspect")
      let other = try Etcdctl(["lock", "\(name)"], endpoint: server.endpoint)
      try await other.waitForOutput("\(name)/")
      let holder = try #require(try await inspector.inspect(name).holder)
      #expect(holder.host == nil && holder.pid == nil && holder.label == nil)
      #expect(try other.output.contains(holder.identity))
      #expect(holder.identity == "\(name)/\(try #require(holder.session))")
      #expect(holder.remaining != nil && holder.token != nil && holder.age == nil)
      try await TestClient.with(TestServers.shared.value) { client in
        let waiter = Task { try await client.lock(name).withLock(within: .seconds(30)) { $0.isHeld } }
        try await eventuallyTrue(within: .seconds(10)) { try await inspector.inspect(name).queue.count == 1 }
        #expect(try await inspector.remove(holder, from: name))
        #expect(try await waiter.value)
      }
      try await other.interrupt()
    }
  }

  @Test("a key without a lease holds the lock as etcdctl has it, and is shown with a warning; a lock's key is not")
  func withoutLease() async throws {
    try await Self.withInspector { inspector, server in
      let name = try uniqueName("inspect")
      _ = try await Etcdctl.run(["put", "\(name)/1", "precious data"], endpoint: server.endpoint)
      try await TestClient.with(TestServers.shared.value) { client in
        let waiter = Task { try await client.lock(name).acquire(within: .seconds(30)).release() }
        try await eventuallyTrue(within: .seconds(10)) { try await inspector.inspect(name).queue.count == 1 }
        let report = try await inspector.inspect(name)
        #expect(report.holder?.label == "precious data" && report.holder?.session == nil)
        #expect(report.holder?.caveat?.contains("no lease") == true)
        #expect(report.queue[0].caveat == nil)
        #expect(try await inspector.remove(try #require(report.holder), from: name))
        try await waiter.value
      }
    }
  }

  @Test("a cluster that is not there is unreachable")
  func unreachable() async throws {
    var configuration = EtcdClient.Configuration(endpoints: ["127.0.0.1:1"])
    configuration.connectTimeout = .milliseconds(300)
    let inspector = try EtcdLockInspector(configuration)
    let name = try uniqueName("inspect")
    let refusal = await #expect(throws: LockError.self) { try await inspector.inspect(name) }
    #expect(refusal?.code == .unreachable)
    inspector.close()
    let later = await #expect(throws: LockError.self) { try await inspector.inspect(name) }
    #expect(later?.code == .closed)
  }
}
#endif
