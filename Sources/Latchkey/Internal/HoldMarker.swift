internal import Logging
internal import Synchronization

/// Marks, in task-local storage, that the body of a `withLock` runs: what finds a task that would wait for itself.
///
/// Child tasks and unstructured tasks inherit the marker, but they may rightly wait for the lock, so the marker remembers the
/// very task that runs the body. A task's identity can be used again after its end; the grant has then been released.
/// A value, so that marking allocates nothing unless bodies are nested.
@usableFromInline
package struct HoldMarker: Sendable {
  /// Written out instead of `@TaskLocal`, so that bodies can be compiled into their callers.
  @usableFromInline static let storage = TaskLocal<HoldMarker?>(wrappedValue: nil)

  /// The marker of the innermost body.
  package static var current: HoldMarker? { self.storage.get() }

  private let driver: any LeaseDriver
  private let grant: UInt64
  private let task: UInt
  /// The task that called `withLock` and now waits for the body: the same one, unless the body runs in an inner task.
  private let caller: UInt
  private let outer: Outer?

  /// The marker of the enclosing body.
  private final class Outer: Sendable {
    let marker: HoldMarker

    init(_ marker: HoldMarker) {
      self.marker = marker
    }
  }

  /// - Parameters:
  ///   - caller: The task that called `withLock`, if the body runs in another.
  ///   - enclosing: The marker that is current, ``current``.
  @inline(__always)
  init(driver: any LeaseDriver, grant: UInt64, task: UInt, caller: UInt, enclosing: HoldMarker?) {
    self.driver = driver
    self.grant = grant
    self.task = task
    self.caller = caller
    self.outer = enclosing.flatMap { Self.live($0) }
  }

  private var isLive: Bool { !self.driver.isReleased(self.grant) }

  /// What a log line that is written under this lock says of it, or of the lock around it that is still held.
  var metadata: Logger.Metadata? {
    var next: HoldMarker? = self
    while let marker = next, !marker.driver.isHeld(marker.grant) { next = marker.outer?.marker }
    return next.map { .lock($0.driver.name, $0.driver.backend, $0.driver.token(of: $0.grant)) }
  }

  /// The innermost marker whose body still runs. Those that have ended are left out: tasks that start one another from body
  /// to body would else keep them all.
  private static func live(_ marker: HoldMarker) -> Outer? {
    var next: HoldMarker? = marker
    while let marker = next, !marker.isLive { next = marker.outer?.marker }
    return next.map { Outer($0) }
  }

  /// Throws if the current task already runs the body of a live `withLock` on this lock, or on one of its members.
  static func check(_ lock: some DistributedLock) throws(LockError) {
    guard let current = self.current else { return }
    guard let multi = lock as? MultiLock else {
      return try current.check(lock.name, lock.backend, task: self.taskIdentity)
    }
    for member in multi.members { try current.check(member.name, member.backend, task: self.taskIdentity) }
  }

  /// Throws if the current task already runs the body of a live `withLock` on this lock.
  static func check(_ name: LockName, _ backend: LockBackend) throws(LockError) {
    if let current = self.current { try current.check(name, backend, task: self.taskIdentity) }
  }

  func check(_ name: LockName, _ backend: LockBackend, task waiting: UInt) throws(LockError) {
    var next: HoldMarker? = self
    // The task that would wait, then those that wait for it: from an inner task, the caller of its `withLock`.
    var task = waiting
    while let marker = next {
      next = marker.outer?.marker
      guard marker.isLive else { continue }
      let isOwn = marker.task == task
      if isOwn { task = marker.caller }
      guard marker.driver.covers(name, backend), marker.driver.permits(of: marker.grant) == 0 else { continue }
      if isOwn {
        throw LockError(
          .wouldDeadlock,
          name: name,
          message: """
            this task already holds the lock in an enclosing withLock and would wait for itself; \
            use the HeldLock that the outer body was lent
            """
        )
      }
      Self.warnOnce(name, backend)
    }
  }

  private static let hasWarned = Atomic(false)

  private static func warnOnce(_ name: LockName, _ backend: LockBackend) {
    guard self.hasWarned.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else { return }
    Logger(label: "latchkey").warning(
      "a task started inside withLock asks for the same lock: it waits until the body ends, and deadlocks if the body waits for it",
      metadata: .lock(name, backend)
    )
  }

  /// The address of the current task. `UnsafeCurrentTask` is that one pointer; its hash would do as well, at five times the
  /// cost.
  static var taskIdentity: UInt { self.currentTask.identity }

  /// Who asks, and whether it was cancelled, in one look at the current task.
  @inline(__always)
  static var currentTask: (identity: UInt, isCancelled: Bool) {
    withUnsafeCurrentTask { task in
      task.map { (unsafeBitCast($0, to: UInt.self), $0.isCancelled) } ?? (0, false)
    }
  }
}
