public import Latchkey

/// Looks at locks on one Redis server: ours, and those of redis-py, redsync and every other client of the documented pattern.
///
/// Redis keeps no queue, so a report has a holder alone, and how many clients of Latchkey listen for its release.
public struct RedisLockInspector: LockInspector {
  private let executor: any RedisExecutor
  private let prefix: String
  private let backend: LockBackend

  /// Looks at the locks of a server.
  ///
  /// - Parameters:
  ///   - executor: The client.
  ///   - prefix: What stands before a lock's name in its key, as in ``RedisLocks/Configuration/prefix``.
  ///   - server: What the server is called, as in ``RedisLocks/Configuration/server``.
  public init(executor: any RedisExecutor, prefix: String = "", server: String? = nil) {
    self.executor = executor
    self.prefix = prefix
    let address = RedisLocks.port(of: executor, named: server).address
    self.backend = LockBackend(kind: "redis", instance: prefix.isEmpty ? address : "\(address) \(prefix)")
  }

  /// Who holds the lock. Age and token are those of the last grant that a Latchkey client has had, so only a holder of ours has
  /// them; the age is as good as the server's clock.
  ///
  /// - Parameter name: The lock.
  /// - Returns: What the server shows.
  /// - Throws: `LockError`: `unreachable`, `notAuthorized`, `cancelled`, `closed`, `backendFailure` if the key holds something
  ///   else than a lock.
  public func inspect(_ name: LockName) async throws(LockError) -> LockReport {
    let view = LockKeyView(executor: self.executor, keys: LockKeys(name, prefix: self.prefix))
    do throws(RedisError) {
      var contender = try await view.key()?.contender
      if contender?.host != nil, let grant = try await view.lastGrant() {
        contender?.token = grant.token
        contender?.age = grant.age
      }
      var report = LockReport(name: name, backend: self.backend, contenders: contender.map { [$0] } ?? [])
      report.waiting = try await self.listeners(view)
      return report
    } catch {
      throw LockError(name, error)
    }
  }

  /// Deletes the lock's key if it still has the value that was shown, and wakes those who wait for it.
  ///
  /// - Parameters:
  ///   - contender: Whom to remove, from a report.
  ///   - name: The lock.
  /// - Returns: Whether it was there. True also if an answer was lost and it is gone now.
  /// - Throws: `LockError`: `unreachable`, `notAuthorized` if this user may not delete it, `cancelled`, `closed`.
  public func remove(_ contender: LockContender, from name: LockName) async throws(LockError) -> Bool {
    let view = LockKeyView(executor: self.executor, keys: LockKeys(name, prefix: self.prefix))
    do throws(RedisError) {
      do throws(RedisError) {
        return try await view.delete(contender.handle)
      } catch {
        // The reply is missing: what is asked again finds the key, or finds that it is gone.
        guard error.requestFailure == .inDoubt, error.code != .cancelled else { throw error }
        if try await view.delete(contender.handle) { return true }
        return try await view.key()?.value != contender.handle
      }
    } catch {
      throw LockError(name, error)
    }
  }

  /// How many wait; nil if this user may not ask.
  private func listeners(_ view: LockKeyView) async throws(RedisError) -> Int? {
    do throws(RedisError) {
      return try await view.listeners()
    } catch {
      guard error.code == .notAuthorized || error.code == .server else { throw error }
      return nil
    }
  }
}
