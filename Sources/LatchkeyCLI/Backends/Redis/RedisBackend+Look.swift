#if Redis
internal import Latchkey
internal import LatchkeyRedis

extension RedisBackend: LookableBackend {
  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result {
    do {
      return try await withConnections(to: url) { connections in
        try await connections[0].firstAttempt()
        return try await body(RedisLockInspector(executor: connections[0]))
      }
    } catch let error as RedisError {
      throw error.asFailure
    }
  }

  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding] {
    do {
      return try await withConnections(to: url) { connections in
        try await connections[0].firstAttempt()
        let facts = try await RedisFacts(asking: connections[0], isOpen: url.password == nil)
        return RedisJudgement(facts: facts).findings
      }
    } catch let error as RedisError {
      throw error.asFailure
    }
  }
}

extension RedlockBackend: LookableBackend {
  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result {
    do {
      return try await withConnections(to: url) { connections in
        try await body(RedlockInspector(servers: connections))
      }
    } catch let error as RedisError {
      throw error.asFailure
    }
  }

  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding] {
    do {
      return try await withConnections(to: url) { connections in
        let isOpen = url.password == nil
        let answers = await withTaskGroup(of: (Int, Result<RedisFacts, RedisError>).self) { group in
          for (place, connection) in connections.enumerated() {
            group.addTask { (place, await Self.facts(of: connection, isOpen: isOpen)) }
          }
          return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
        try Task.checkCancellation()
        return RedlockJudgement(servers: try Self.served(connections, answers)).findings
      }
    } catch let error as RedisError {
      throw error.asFailure
    }
  }

  private static func facts(of connection: RedisConnection, isOpen: Bool) async -> Result<RedisFacts, RedisError> {
    do throws(RedisError) {
      try await connection.firstAttempt()
      return .success(try await RedisFacts(asking: connection, isOpen: isOpen))
    } catch {
      return .failure(error)
    }
  }

  /// A minority may be down, which is a finding; more are an answer of their own.
  private static func served(
    _ connections: [RedisConnection],
    _ answers: [Result<RedisFacts, RedisError>]
  ) throws(RedisError) -> [RedisFacts] {
    var facts: [RedisFacts] = []
    var failures: [RedisError] = []
    for (connection, answer) in zip(connections, answers) {
      switch answer {
      case .success(let answer): facts.append(answer)
      case .failure(let error):
        failures.append(error)
        facts.append(RedisFacts(server: connection.configuration.address, failure: error.message))
      }
    }
    if failures.count * 2 >= connections.count, let failure = failures.first { throw failure }
    return facts
  }
}

extension RedisFacts {
  /// Asks a server about itself.
  ///
  /// - Parameter isOpen: Whether the connection has shown no password.
  init(asking connection: RedisConnection, isOpen: Bool) async throws(RedisError) {
    self.init(server: connection.configuration.address, isOpen: isOpen)
    self.info = Self.fields(ofInfo: try await connection.send(RedisCommand("INFO")).text ?? "")
    for name in ["save", "appendfsync"] {
      do throws(RedisError) {
        let answer = try await connection.send(RedisCommand("CONFIG", "GET", name)).items
        if answer.count == 2, let value = answer[1].text { self.settings[name] = value }
      } catch {
        // Providers of Redis often keep their settings to themselves.
        guard error.code == .server || error.code == .notAuthorized else { throw error }
      }
    }
    let start = WallClock.now
    let time = try await connection.send(RedisCommand("TIME")).items.compactMap(\.text).compactMap { Int64($0) }
    let end = WallClock.now
    // The server has looked at its clock somewhere in between.
    if time.count == 2 { self.clockLead = .seconds(time[0]) + .microseconds(time[1]) - (start + end) / 2 }
  }
}

extension RedisValue {
  fileprivate var text: String? {
    if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
  }

  fileprivate var items: [RedisValue] {
    switch self {
    case .array(let items), .map(let items): items
    default: []
    }
  }
}
#endif
