import LatchkeyTesting

/// The servers that suites of locks share: started once, and ended with the test process.
enum QuorumOfRedis {
  /// One server for the conformance suite, which stops and starts it.
  static let one = Task { [try await RedisServer.start()] }
  /// Five servers for everything that leaves them running.
  static let five = Task { try await QuorumOfRedis.start(5) }

  static func start(_ count: Int) async throws -> [RedisServer] {
    var servers: [RedisServer] = []
    for _ in 0..<count { servers.append(try await RedisServer.start()) }
    return servers
  }
}

extension RedisServer {
  /// Whether a key exists.
  func has(_ key: String) async throws -> Bool { try await self.command("EXISTS", key) == ["1"] }

  /// What a key holds.
  func value(of key: String) async throws -> String? { try await self.command("GET", key).first ?? nil }

  /// How long a key still stands, in milliseconds.
  func remaining(of key: String) async throws -> Int {
    try await self.command("PTTL", key).first.flatMap { $0 }.flatMap { Int($0) } ?? -2
  }
}
