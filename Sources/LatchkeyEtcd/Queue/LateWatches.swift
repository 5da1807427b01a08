#if Etcd
internal import Latchkey
internal import LatchkeyPrimitives
internal import NIOCore

/// Things to do for those who are still there after a while: a lock that is held for a moment only needs no watch.
final class LateWatches: Sendable {
  typealias ID = UInt64

  private struct State {
    /// What was added since the last tick, and what was there before it.
    var young: [ID: @Sendable () -> Void] = [:]
    var old: [ID: @Sendable () -> Void] = [:]
    var next: ID = 1
    var isTicking = false
  }

  private static let interval = TimeAmount.milliseconds(100)

  private let loop: any EventLoop
  private let state = Locked(State())

  init(loop: any EventLoop) {
    self.loop = loop
  }

  /// Calls the body after one to two intervals, unless it is removed before.
  func add(_ body: @escaping @Sendable () -> Void) -> ID {
    let (id, starts) = self.state.withLock { state -> (ID, Bool) in
      let id = state.next
      state.next += 1
      state.young[id] = body
      defer { state.isTicking = true }
      return (id, !state.isTicking)
    }
    if starts { self.schedule() }
    return id
  }

  func remove(_ id: ID) {
    self.state.withLock { state in
      if state.young.removeValue(forKey: id) == nil { state.old[id] = nil }
    }
  }

  private func schedule() {
    self.loop.scheduleTask(in: Self.interval) { [weak self] in self?.tick() }
  }

  private func tick() {
    let (due, goesOn) = self.state.withLock { state in
      let due = Array(state.old.values)
      state.old = state.young
      state.young = [:]
      state.isTicking = !state.old.isEmpty
      return (due, state.isTicking)
    }
    if goesOn { self.schedule() }
    for body in due { body() }
  }
}
#endif
