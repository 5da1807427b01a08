import Latchkey
import LatchkeyPrimitives
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

/// A lock name that no other test uses.
extension LockName {
  /// The lock of models, in which names mean nothing.
  static let modelled: LockName = {
    do {
      return try LockName("modelled")
    } catch {
      preconditionFailure("\(error)")
    }
  }()
}

func uniqueName(_ hint: String = "test") throws -> LockName {
  try LockName("\(hint)/\(String(UInt64.random(in: 0 ... .max), radix: 36))")
}

/// A value that several tasks of a test look at and change.
final class Shared<Value: Sendable>: Sendable {
  private let state: Locked<Value>

  init(_ value: Value) {
    self.state = Locked(value)
  }

  var value: Value { self.state.withLock { $0 } }

  func change(_ body: @Sendable (inout Value) -> Void) {
    self.state.withLock { body(&$0) }
  }
}

/// The error of an acquire that must fail.
func failure(of lock: any DistributedLock, within timeout: Duration?) async -> LockError? {
  do throws(LockError) {
    try await lock.acquire(within: timeout).release()
    return nil
  } catch {
    return error
  }
}
