internal import Logging
internal import Synchronization

/// Marks, in task-local storage, that the body of a `withLock` runs: what finds a task that would wait for itself.
///
/// Child tasks and unstructured tasks inherit the marker, but they may rightly wait for the lock, so the marker remembers the
/// very task that runs the body. A task's identity can be used again after its end; the grant then no longer stands.
/// A value, so that marking allocates nothing unless bodies are nested.
package struct HoldMarker: Sendable {
  @TaskLocal package static var current: HoldMarker?

  private let driver: any LeaseDriver
  private let grant: UInt64
  private let task: UInt
  private let outer: Outer?

  /// The marker of the enclosing body.
  private final class Outer: Sendable {
    let marker: HoldMarker

    init(_ marker: HoldMarker) {
      self.marker = marker
    }
  }

  @inline(__always)
  init(driver: any LeaseDriver, grant: UInt64) {
    self.driver = driver
    self.grant = grant
    self.task = Self.taskIdentity
    self.outer = Self.current.map { Outer($0) }
  }

  /// Throws if the current task already runs the body of a live `withLock` on this lock.
  static func check(_ name: LockName, _ backend: LockBackend) throws(LockError) {
    var next = self.current
    while let marker = next {
      next = marker.outer?.marker
      guard marker.driver.name == name, marker.driver.backend == backend, marker.driver.isHeld(marker.grant) else {
        continue
      }
      if marker.task == Self.taskIdentity {
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

  /// The address of the current task. `UnsafeCurrentTask` is that one pointer; its hash would do as well, at five times the
  /// cost.
  @inline(__always)
  private static var taskIdentity: UInt {
    withUnsafeCurrentTask { task in task.map { unsafeBitCast($0, to: UInt.self) } ?? 0 }
  }
}
