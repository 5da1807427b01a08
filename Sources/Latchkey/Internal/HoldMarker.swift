internal import Logging
internal import Synchronization

/// Marks, in task-local storage, that the body of a `withLock` runs: what finds a task that would wait for itself.
///
/// Child tasks and unstructured tasks inherit the marker, but they may rightly wait for the lock, so the marker remembers the
/// very task that runs the body. A task's identity can be used again after its end; the marker is then no longer live.
package final class HoldMarker: Sendable {
  @TaskLocal package static var current: HoldMarker?

  private let driver: any LeaseDriver
  private let outer: HoldMarker?
  private let task: Int
  /// The task that called `withLock` and now waits for the body: the same one, unless the body runs in an inner task.
  private let caller: Int
  private let isLive = Atomic(true)

  init(driver: any LeaseDriver, caller: Int? = nil) {
    let task = Self.taskIdentity
    self.driver = driver
    // Bodies that have ended are left out: tasks that start one another from body to body would else keep them all.
    var outer = Self.current
    while let marker = outer, !marker.isLive.load(ordering: .relaxed) { outer = marker.outer }
    self.outer = outer
    self.task = task
    self.caller = caller ?? task
  }

  func finish() {
    self.isLive.store(false, ordering: .relaxed)
  }

  /// Throws if the current task already runs the body of a live `withLock` on this lock.
  static func check(_ name: LockName, _ backend: LockBackend) throws(LockError) {
    guard let current = self.current else { return }
    try current.check(name, backend)
  }

  private func check(_ name: LockName, _ backend: LockBackend) throws(LockError) {
    var next: HoldMarker? = self
    // The task that would wait, then those that wait for it: from an inner task, the caller of its `withLock`.
    var task = Self.taskIdentity
    while let marker = next {
      next = marker.outer
      guard marker.isLive.load(ordering: .relaxed) else { continue }
      let isOwn = marker.task == task
      if isOwn { task = marker.caller }
      guard marker.driver.name == name, marker.driver.backend == backend else { continue }
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
      metadata: ["lock.name": "\(name)", "lock.backend": "\(backend.kind)"]
    )
  }

  static var taskIdentity: Int { withUnsafeCurrentTask { task in task?.hashValue ?? 0 } }
}
