package import Latchkey
package import LatchkeyTesting
package import Testing

/// Waits until something is true, and fails the test if it does not become so.
package func eventuallyTrue(
  within limit: Duration = .seconds(60),
  sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () async throws -> Bool
) async throws {
  let isTrue = try await eventually(within: limit, condition)
  try #require(isTrue, "It has not become true within \(limit).", sourceLocation: sourceLocation)
}

/// Expects two values to be equal. The macro cannot be given calls that change their subject or throw a type of their own; this
/// function can.
package func expectEqual<Value: Equatable>(
  _ actual: Value,
  _ expected: Value,
  _ comment: @autoclosure () -> Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual == expected, comment(), sourceLocation: sourceLocation)
}

/// Runs a check of the conformance suite, which must apply and pass.
///
/// - Parameter missing: What the subject lacks: a check that needs any of it is not run.
package func expectPassed(
  _ check: LockConformance.Check,
  on subject: LockSubject,
  without missing: Set<LockSubject.Need>,
  sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  guard check.needs.isDisjoint(with: missing) else { return }
  let outcome = try await LockConformance(subject: subject).run(check)
  #expect(outcome == .passed, sourceLocation: sourceLocation)
}

/// Releases a lease that must have been lost.
package func expectLost(_ lease: consuming Lease, sourceLocation: SourceLocation = #_sourceLocation) async {
  do throws(LockError) {
    try await lease.release()
    Issue.record("the lease was released as if it had stood", sourceLocation: sourceLocation)
  } catch {
    #expect(error.code == .lockLost, sourceLocation: sourceLocation)
  }
}

/// The error of an acquire that must fail.
package func failure(
  of lock: any DistributedLock,
  within timeout: Duration?,
  sourceLocation: SourceLocation = #_sourceLocation
) async -> LockError? {
  do throws(LockError) {
    try await lock.acquire(within: timeout).release()
    Issue.record("the lock was acquired", sourceLocation: sourceLocation)
    return nil
  } catch {
    return error
  }
}

/// Whether a lock is held: a try takes it and gives it back if it is not.
package func isBusy(_ lock: any DistributedLock) async throws -> Bool {
  guard let lease = try await lock.tryAcquire() else { return true }
  try await lease.release()
  return false
}
