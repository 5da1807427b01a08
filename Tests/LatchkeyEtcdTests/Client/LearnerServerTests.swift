#if Etcd
import EtcdAPI
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyEtcd

@Suite("A learner among the endpoints", .serialized, .timeLimit(.minutes(5)))
struct LearnerServerTests {
  @Test("is passed over by clients and by those who only look, and named by those who check")
  func passedOver() async throws {
    try await withEtcd { server in
      try await withLearner(of: server) { learner in
        let configuration = EtcdClient.Configuration(endpoints: [learner.endpoint, server.endpoint])
        let name = try uniqueName()
        try await EtcdClient.withClient(configuration) { client in
          let lease = try await EtcdLocks(client: client).lock(name).acquire(within: .seconds(10))
          let inspector = try EtcdLockInspector(configuration)
          defer { inspector.close() }
          let holder = try #require(try await inspector.inspect(name).holder)
          #expect(try await inspector.remove(holder, from: name))
          await lease.releaseQuietly()
        }
        let survey = try await EtcdSurvey(asking: configuration)
        #expect(survey.members.map(\.failure) == [nil, nil] && survey.members.map(\.isLearner) == [true, false])
        #expect(survey.voters == 1 && survey.alarms?.isEmpty == true && survey.asksForUsers == false)
      }
    }
  }

  @Test("alone is refused, and the error says what it is")
  func alone() async throws {
    try await withEtcd { server in
      try await withLearner(of: server) { learner in
        var configuration = EtcdClient.Configuration(endpoints: [learner.endpoint])
        configuration.connectTimeout = .seconds(1)
        let error = await #expect(throws: EtcdError.self) {
          try await EtcdClient.withClient(configuration) { _ in }
        }
        #expect(error?.code == .unreachable)
        #expect(error?.message.contains("is a learner") == true, "\(String(describing: error))")
      }
    }
  }

  @Test("is not asked when the member in use dies; the client goes on to one that votes")
  func memberDies() async throws {
    try await withEtcdCluster { cluster in
      try await withLearner(of: cluster.members[1]) { learner in
        let servers = TestServers(members: [cluster.members[0], learner, cluster.members[1], cluster.members[2]])
        try await TestClient.with(servers, sessionTimeout: .seconds(15)) { client in
          let name = try uniqueName()
          let lease = try await client.lock(name).acquire(within: .seconds(5))
          let inspector = try EtcdLockInspector(EtcdClient.Configuration(endpoints: servers.endpoints))
          defer { inspector.close() }
          #expect(try await inspector.inspect(name).holder != nil)
          await cluster.members[0].kill()
          // Its connection to the first member is no more: another is asked.
          #expect(try await inspector.inspect(name).holder != nil)
          let held = lease.held
          let deadline = try #require(held.deadline)
          try await eventuallyTrue(within: .seconds(15)) { held.deadline.map { $0 > deadline } ?? false }
          try await lease.release()
        }
      }
    }
  }
}
#endif
