/// Looks at locks from outside, and frees one that is stuck.
///
/// A look reads only: it makes no node, no key and no lease. It sees every client that keeps to the backend's layout, also those
/// of other libraries.
public protocol LockInspector: Sendable {
  /// Says who holds a lock and who waits for it.
  ///
  /// The answer is of one moment, and may be out of date when it is read. A lock that nobody has ever used is free.
  ///
  /// - Parameter name: The lock.
  /// - Returns: What the backend shows.
  /// - Throws: ``LockError``: `unreachable` if the backend cannot be asked, `notAuthorized`, `cancelled`, `backendFailure`.
  func inspect(_ name: LockName) async throws(LockError) -> LockReport

  /// Takes the lock, or the place in its queue, from exactly one contender.
  ///
  /// Who stands next has the lock then. The contender that is removed hears of it from the backend, as of any loss, but possibly
  /// after the next grant: only a resource that checks fencing tokens refuses what it still writes.
  ///
  /// - Parameters:
  ///   - contender: Whom to remove, from a report.
  ///   - name: The lock.
  /// - Returns: Whether it was removed by this call; false if it was not there any more, and then nothing has changed.
  /// - Throws: ``LockError``: `unreachable` if nobody knows whether it was removed, and as ``inspect(_:)``.
  func remove(_ contender: LockContender, from name: LockName) async throws(LockError) -> Bool
}
