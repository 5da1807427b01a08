import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

/// A lock name that no other test uses.
func uniqueName(_ hint: String = "test") throws -> LockName {
  let number = UInt64.random(in: 0...UInt64.max)
  return try LockName("\(hint)/\(String(number, radix: 36))")
}

extension LockFailure {
  /// The failure of models, in which words mean nothing.
  static let modelled: LockFailure = {
    do {
      return LockFailure(LockError(.backendFailure, name: try LockName("modelled"), message: "a failure"))
    } catch {
      preconditionFailure("\(error)")
    }
  }()
}

/// A number that tasks change under a lock that is under test: reads and writes are apart, so a broken lock loses updates.
final class SharedCounter: Sendable {
  private let value = Locked(0)

  var current: Int { self.value.withLock { $0 } }

  func add() async {
    let read = self.current
    await Task.yield()
    self.value.withLock { $0 = read + 1 }
  }
}

/// Waits for a condition, and fails the test if it does not come about in time.
func waitUntil(within limit: Duration, _ condition: () async throws -> Bool) async throws {
  let isMet = try await eventually(within: limit, condition)
  try #require(isMet, "not within \(limit)")
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

/// Releases a lease that must have been lost.
func expectLost(_ lease: consuming Lease) async {
  do throws(LockError) {
    try await lease.release()
    Issue.record("the lease was released as if it had stood")
  } catch {
    #expect(error.code == .lockLost)
  }
}

/// The error of an acquire that must fail.
func failure(of lock: any DistributedLock, within timeout: Duration?) async -> LockError? {
  do throws(LockError) {
    try await lock.acquire(within: timeout).release()
    Issue.record("the lock was acquired")
    return nil
  } catch {
    return error
  }
}
