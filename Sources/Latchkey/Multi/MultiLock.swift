internal import LatchkeyPrimitives

/// Several locks taken as one: all of them, or none.
///
/// The locks may live at different backends. They are acquired one after the other, always in the same order (by kind of backend,
/// then by the bytes of the name), whatever the order in which they were given: all who take their locks through multi-locks, or
/// nest plain ones in that order, cannot deadlock with each other. A failure releases what had been acquired, in reverse.
///
/// The lease is one: its deadline is the earliest of its members', it is held while all of them are, and the loss of one is the
/// loss of all, whose others are then released. A multi-lock has no fencing token of its own; ``HeldLock/tokens`` has one for each
/// lock that promises one.
///
/// ```swift
/// let accounts = try MultiLock([locks.lock("accounts/7"), locks.lock("accounts/12")])
/// try await accounts.withLock { held in
///   try await transfer(fencedBy: held.tokens)
/// }
/// ```
public struct MultiLock: DistributedLock {
  /// The locks, in the order in which they were given; those of a multi-lock among them stand in its place. ``HeldLock/tokens``
  /// has the same order.
  public let locks: [any DistributedLock]

  /// The names of the locks in the order in which they are acquired, joined by `+`; a digest of them where that is too long for a
  /// name.
  public let name: LockName

  /// The kind `multi`, and where the members live.
  public let backend: LockBackend

  /// The locks in the order in which they are acquired, each once.
  let members: [any DistributedLock]
  /// For each of `locks`, its place in `members`.
  private let memberIndices: [Int]

  /// Combines locks; asks no backend.
  ///
  /// - Parameter locks: The locks, at least one. Equal ones (of one name and one backend) count as one. A multi-lock counts as its
  ///   members. Of a read-write lock, give one half: both are one lock.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidConfiguration`` if there are none, or if two of one name and one backend
  ///   are different: both halves of a read-write lock, or a half and a plain lock.
  public init(_ locks: [any DistributedLock]) throws(LockError) {
    let locks = locks.flatMap { lock in (lock as? MultiLock)?.locks ?? [lock] }
    guard !locks.isEmpty else {
      throw LockError(
        .invalidConfiguration,
        message: "a multi-lock of no locks excludes nobody; give it at least one lock"
      )
    }
    try Self.checkForms(of: locks)
    let identities = locks.map { MemberIdentity($0) }
    let order = Set(identities).sorted()
    self.locks = locks
    // Every identity in `order` is that of one of the locks.
    self.memberIndices = identities.compactMap { order.firstIndex(of: $0) }
    self.members = order.compactMap { identities.firstIndex(of: $0) }.map { locks[$0] }
    self.name = Self.name(of: order.map(\.name))
    let backends = Set(order.map(\.backend.description)).sorted()
    self.backend = LockBackend(kind: "multi", instance: backends.joined(separator: "+"))
  }

  /// Refuses different forms of one lock: they would count as one, and which of them is meant cannot be told.
  private static func checkForms(of locks: [any DistributedLock]) throws(LockError) {
    var forms: [MemberIdentity: LockForm] = [:]
    for lock in locks {
      let form = LockForm(lock)
      guard let known = forms.updateValue(form, forKey: MemberIdentity(lock)), known != form else { continue }
      let isPlain = known == .plain || form == .plain
      throw LockError(
        .invalidConfiguration,
        name: lock.name,
        message: isPlain
          ? "a read-write lock and a plain lock of one name are given; take the lock that protects the resource, alone"
          : "both halves of a read-write lock are given, which exclude each other; give the writing one alone"
      )
    }
  }

  private static func name(of names: [LockName]) -> LockName {
    let joined = names.map(\.rawValue).joined(separator: "+")
    if let name = try? LockName(joined) { return name }
    // FNV-1a: equal in every process, as a hash of Swift's is not. Nothing but log lines and errors rests on it.
    let digest = joined.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return LockName(valid: "\(names.count)-locks-\(String(digest, radix: 16))")
  }

  /// Takes all locks if nobody has any of them.
  ///
  /// - Returns: The lease, or nil if another client holds one of the locks.
  /// - Throws: ``LockError`` if a backend cannot tell; what had been taken is released.
  public func tryAcquire() async throws(LockError) -> Lease? {
    try await self.acquireAll { lock throws(LockError) in try await lock.tryAcquire() }
  }

  /// Waits for all locks, one after the other.
  ///
  /// Cancelling the task ends the wait and releases what had been acquired.
  ///
  /// - Parameter timeout: The budget of the whole call, not of each lock; nil waits for ever, zero tries each lock once.
  /// - Returns: The lease.
  /// - Throws: ``LockError``, as ``DistributedLock/acquire(within:)`` does, for the first lock that could not be acquired: the
  ///   message names it, and those behind it were not asked for.
  public func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    let start = ContinuousClock.now
    let end = timeout.map { start.advanced(by: $0) }
    let lease = try await self.acquireAll { lock throws(LockError) in
      do throws(LockError) {
        return try await lock.acquire(within: end.map { max(.zero, ContinuousClock.now.duration(to: $0)) })
      } catch {
        throw self.error(error, of: lock, since: start)
      }
    }
    guard let lease else { preconditionFailure("an acquire returned without a lease and without an error") }
    return lease
  }

  /// Takes the members in their order.
  ///
  /// - Parameter take: Takes one lock; nil if it is held by another client, which ends the attempt.
  private func acquireAll(
    _ take: (any DistributedLock) async throws(LockError) -> Lease?
  ) async throws(LockError) -> Lease? {
    while true {
      var grants: [HeldLock] = []
      for lock in self.members {
        let lease: Lease?
        do throws(LockError) {
          lease = try await take(lock)
        } catch {
          await grants.giveBack()
          throw error
        }
        guard let lease else {
          await grants.giveBack()
          return nil
        }
        grants.append(lease.disowned())
      }
      // A member can be lost during the wait for a later one. Its caller holds nothing yet, so it begins again.
      guard grants.allSatisfy(\.isHeld) else {
        await grants.giveBack()
        continue
      }
      let driver = MultiLease(lock: self, grants: grants, tokens: self.memberIndices.map { grants[$0].token })
      driver.watchMembers()
      return Lease(driver: driver, grant: MultiLease.grant, token: nil)
    }
  }

  /// What a member's error means for the whole.
  private func error(
    _ error: LockError,
    of lock: any DistributedLock,
    since start: ContinuousClock.Instant
  ) -> LockError {
    if error.code == .cancelled { return .cancelled(self.name) }
    var error = error
    error.message = "lock \"\(lock.name)\" at \(lock.backend): \(error.message)"
    error.name = self.name
    if error.code == .timedOut {
      var wait = error.wait ?? LockError.Wait()
      wait.waited = start.duration(to: .now)
      error.wait = wait
    }
    return error
  }
}

extension DistributedLock {
  /// Whether several may hold it at once: it is the reading half of a read-write lock, or made of such halves alone.
  var isShared: Bool {
    if let half = self as? any ReadWriteHalf { return half.isShared }
    return (self as? MultiLock)?.members.allSatisfy(\.isShared) ?? false
  }
}

/// What makes two locks the same one, and where a lock stands in the order of acquisition.
private struct MemberIdentity: Hashable, Comparable {
  let name: LockName
  let backend: LockBackend

  init(_ lock: any DistributedLock) {
    self.name = lock.name
    self.backend = lock.backend
  }

  /// The instance comes last: two processes may name the servers of one backend differently.
  static func < (left: MemberIdentity, right: MemberIdentity) -> Bool {
    if left.backend.kind != right.backend.kind { return left.backend.kind < right.backend.kind }
    if left.name != right.name {
      return left.name.rawValue.utf8.lexicographicallyPrecedes(right.name.rawValue.utf8)
    }
    return left.backend.instance < right.backend.instance
  }
}

/// What locks of one name and one backend can be.
private enum LockForm {
  case plain, reading, writing

  init(_ lock: any DistributedLock) {
    self =
      switch (lock as? any ReadWriteHalf)?.isShared {
      case nil: .plain
      case true?: .reading
      case false?: .writing
      }
  }
}

/// One half of a read-write lock. Both have one name and one backend: they are one lock.
package protocol ReadWriteHalf: DistributedLock {
  /// Whether it is the half that readers hold together.
  var isShared: Bool { get }
}
