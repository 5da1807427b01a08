import LatchkeyTesting

@testable import LatchkeyCLI

/// One throw-away server for all tests that need one and do it no harm; it ends with the test process.
enum SharedZooKeeper {
  private static let server = Task { try await ZooKeeperServer.start() }

  /// The URL of a lock on it.
  static func url(_ name: String) async throws -> String {
    "zookeeper://\(try await self.server.value.connectString)/\(name)"
  }

  /// What a command must be told about a test server: its tick is short, and so the session may be.
  static let timing = ["--tick", "200ms", "--session-timeout", "2s"]
}
