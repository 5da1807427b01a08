import LatchkeyTesting

@testable import LatchkeyCLI

/// One throw-away server for all tests that need one and do it no harm; it ends with the test process.
enum SharedRedis {
  private static let started = Task { try await RedisServer.start() }

  static var server: RedisServer { get async throws { try await self.started.value } }

  /// The URL of a lock on it.
  static func url(_ name: String) async throws -> String { "redis://\(try await self.server.connectString)/\(name)" }
}
