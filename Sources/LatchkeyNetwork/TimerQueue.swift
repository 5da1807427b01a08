internal import LatchkeyPrimitives
package import NIOCore

/// Calls closures at instants, on the thread of an event loop, which no blocked task can hold up.
///
/// Setting and cancelling are cheap, because most timers are cancelled: the loop is disturbed only by a timer that is due
/// before all others, and forgets cancelled ones when it wakes.
package final class TimerQueue: Sendable {
  package typealias ID = UInt64

  fileprivate struct Entry {
    let at: ContinuousClock.Instant
    let id: ID
  }

  fileprivate struct State {
    var actions = HandlerTable<@Sendable () -> Void>()
    /// A binary heap, the earliest first; entries without an action have been cancelled.
    var heap: [Entry] = []
    /// When the thread will look next.
    var wakeAt: ContinuousClock.Instant?
  }

  /// The thread's clock stands still while the machine sleeps, and the instants do not: it looks at least this often.
  private static let longestNap = Duration.seconds(1)

  private let loop: any EventLoop
  private let state = Locked(State())

  package init(loop: any EventLoop) {
    self.loop = loop
  }

  /// Calls a closure, which must not block, once at an instant.
  @discardableResult
  package func set(at instant: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> ID {
    let (id, isNext) = self.state.withLock { state -> (ID, Bool) in
      let id = state.actions.add(action)
      state.push(Entry(at: instant, id: id))
      return (id, state.wakeAt.map { instant < $0 } ?? true)
    }
    if isNext { self.wake(at: instant) }
    return id
  }

  /// Calls a closure, which must not block, once after a while.
  @discardableResult
  package func set(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> ID {
    self.set(at: .now.advanced(by: delay), action)
  }

  package func cancel(_ id: ID) {
    // The action may hold the last reference to something: it goes after the lock.
    let action = self.state.withLock { state in
      defer { state.compact() }
      return state.actions.remove(id)
    }
    _ = action
  }

  private func wake(at instant: ContinuousClock.Instant) {
    let now = ContinuousClock.now
    let at = min(instant, now.advanced(by: Self.longestNap))
    let isNews = self.state.withLock { state -> Bool in
      if let wakeAt = state.wakeAt, wakeAt <= at { return false }
      state.wakeAt = at
      return true
    }
    guard isNews else { return }
    self.loop.scheduleTask(in: .nanoseconds(max(.zero, now.duration(to: at)).nanoseconds + 1)) {
      self.ring(at)
    }
  }

  private func ring(_ planned: ContinuousClock.Instant) {
    let now = ContinuousClock.now
    let (due, next) = self.state.withLock { state -> ([@Sendable () -> Void], ContinuousClock.Instant?) in
      // Another wake has been planned meanwhile, and will do what is due.
      guard state.wakeAt == planned else { return ([], nil) }
      state.wakeAt = nil
      var due: [@Sendable () -> Void] = []
      while let first = state.heap.first {
        guard first.at <= now || !state.actions.contains(first.id) else { return (due, first.at) }
        state.pop()
        if let action = state.actions.remove(first.id) { due.append(action) }
      }
      return (due, nil)
    }
    if let next { self.wake(at: next) }
    for action in due { action() }
  }
}

extension TimerQueue.State {
  fileprivate mutating func push(_ entry: TimerQueue.Entry) {
    self.heap.append(entry)
    var child = self.heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard self.heap[child].at < self.heap[parent].at else { return }
      self.heap.swapAt(child, parent)
      child = parent
    }
  }

  fileprivate mutating func pop() {
    self.heap.swapAt(0, self.heap.count - 1)
    self.heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [parent * 2 + 1, parent * 2 + 2] where child < self.heap.count {
        if self.heap[child].at < self.heap[least].at { least = child }
      }
      guard least != parent else { return }
      self.heap.swapAt(parent, least)
      parent = least
    }
  }

  /// Keeps the cancelled entries below the number of the others, plus a constant.
  fileprivate mutating func compact() {
    guard self.heap.count > self.actions.count * 2 + 64 else { return }
    let live = self.heap.filter { self.actions.contains($0.id) }
    self.heap = []
    for entry in live { self.push(entry) }
  }
}
