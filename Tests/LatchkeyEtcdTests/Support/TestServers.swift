#if Etcd
import LatchkeyTesting

/// The servers that a suite shares: started once, and ended with the test process.
struct TestServers: Sendable {
  let members: [EtcdServer]

  /// One server for the conformance suite, which stops and starts it.
  static let conformance = Task { try await TestServers.startOne() }
  /// Three servers for the conformance suite.
  static let conformanceCluster = Task { try await TestServers.startThree() }
  /// One server for everything that leaves it running.
  static let shared = Task { try await TestServers.startOne() }

  var endpoints: [String] { self.members.map(\.endpoint) }

  static func startOne() async throws -> TestServers {
    TestServers(members: [try await EtcdServer.start()])
  }

  static func startThree() async throws -> TestServers {
    TestServers(members: try await EtcdCluster.start().members)
  }
}
#endif
