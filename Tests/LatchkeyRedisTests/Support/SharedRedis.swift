import LatchkeyRedis
import LatchkeyTesting
import Testing

/// The one server of all tests that do their server no harm.
enum SharedRedis {
  private static let start = Task { try await RedisServer.start() }

  static var value: RedisServer { get async throws { try await self.start.value } }
}

/// The tests that start servers of their own, or measure waits, one after the other.
@Suite(.serialized, .timeLimit(.minutes(5)))
enum RedisServerTests {}

extension RedisConnection.Configuration {
  /// A configuration for a loopback port.
  init(port: Int, _ change: (inout RedisConnection.Configuration) -> Void = { _ in }) {
    self.init(host: "127.0.0.1", port: port)
    change(&self)
  }
}

/// Lends a connection that is closed whichever way the body ends.
func withConnection<R>(
  port: Int? = nil,
  _ change: (inout RedisConnection.Configuration) -> Void = { _ in },
  _ body: (RedisConnection) async throws -> sending R
) async throws -> sending R {
  var target = port
  if target == nil { target = try await SharedRedis.value.port }
  let connection = try await RedisConnection.connect(.init(port: target ?? 0, change))
  do {
    let result = try await body(connection)
    await connection.close()
    return result
  } catch {
    await connection.close()
    throw error
  }
}

/// The error of a call that must fail with one.
func redisError(
  sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () async throws -> Void
) async throws -> RedisError {
  let error = await #expect(throws: RedisError.self, sourceLocation: sourceLocation) { try await body() }
  return try #require(error, sourceLocation: sourceLocation)
}
