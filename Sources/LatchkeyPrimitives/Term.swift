/// The stretch of time for which something is proven to last (a session, a key with a time to live). Everything that rests on
/// the same proof shares one term.
///
/// A term ends once: at its deadline by clock arithmetic, or when the server reports its end. It is never revived: a renewal
/// that comes after the deadline is refused, and once the term has answered that it is over it never answers otherwise.
///
/// Asking is arithmetic and calls no handler, so a caller may ask while it holds a mutex that a handler wants. Only ``end(_:)``,
/// ``expire()`` and ``limit(to:)`` call the handlers; they are for the threads of a client, whose timer calls ``expire()`` at
/// the deadline.
@usableFromInline
package final class Term: Sendable {
  /// Why a term ended.
  @usableFromInline
  package enum End: Sendable, Equatable {
    case deadlinePassed
    case reported(String)

    @usableFromInline
    package var reason: String {
      switch self {
      case .deadlinePassed: "its deadline passed before the backend confirmed that the client was alive"
      case .reported(let reason): reason
      }
    }
  }

  private struct State {
    var deadline: ContinuousClock.Instant
    var end: End?
    var obstacle: String?
    var handlers = HandlerTable<@Sendable (End) -> Void>()

    /// The clock is read under the lock: a deadline that has passed by now must not move, however late this thread runs.
    var ended: End? {
      if let end = self.end { return end }
      if ContinuousClock.now < self.deadline { return nil }
      return self.obstacle.map { .reported("its deadline passed: \($0)") } ?? .deadlinePassed
    }
  }

  private let state: Locked<State>

  /// Whether the term has no deadline, and ends only by ``end(_:)``.
  @usableFromInline
  package let isEndless: Bool

  package init(deadline: ContinuousClock.Instant) {
    self.state = Locked(State(deadline: deadline))
    self.isEndless = false
  }

  /// A term without a deadline.
  package init() {
    // A hundred thousand years: further than a clock counts that began with the machine.
    self.state = Locked(State(deadline: .now.advanced(by: .seconds(100_000 * 366 * 86_400))))
    self.isEndless = true
  }

  /// The deadline as proven so far.
  @usableFromInline
  package var deadline: ContinuousClock.Instant { self.state.withLock { $0.deadline } }

  /// How the term has ended; nil while it runs.
  @usableFromInline
  package var ended: End? { self.state.withLock { $0.ended } }

  /// Whether the term still runs. An answer of false is final, since a deadline that has passed never moves.
  package var isLive: Bool { self.ended == nil }

  /// Takes time away: the proof has turned out to reach less far.
  package func limit(to deadline: ContinuousClock.Instant) {
    self.state.withLock { state in state.deadline = min(state.deadline, deadline) }
    self.expire()
  }

  /// Calls the handlers if the deadline has passed.
  ///
  /// - Returns: Whether the term still runs.
  @discardableResult
  package func expire() -> Bool {
    let (isLive, told) = self.state.withLock { state -> (Bool, (() -> Void)?) in
      guard let end = state.ended else { return (true, nil) }
      return (false, Self.end(&state, end))
    }
    told?()
    return isLive
  }

  /// Ends the term at its deadline, wherever that has moved meanwhile, and calls its handlers; returns earlier if the task is
  /// cancelled. Sleeps by the clock of deadlines, which goes on while the machine sleeps.
  package func expireAtDeadline() async {
    while self.expire() {
      let step = min(self.deadline, .now.advanced(by: .seconds(86_400)))
      do {
        try await Task.sleep(until: step, tolerance: .zero, clock: .continuous)
      } catch {
        return  // Nobody wants to know any more.
      }
    }
  }

  /// Moves the deadline forward; an earlier deadline than the present one changes nothing.
  ///
  /// - Returns: False if the term has ended, by its deadline or otherwise. Whoever is refused calls ``expire()`` where nothing
  ///   else does: a timer that was set for the new deadline comes too late for the handlers.
  @discardableResult
  package func advance(to deadline: ContinuousClock.Instant) -> Bool {
    self.state.withLock { state in
      guard state.ended == nil else { return false }
      state.deadline = max(state.deadline, deadline)
      return true
    }
  }

  /// Notes what keeps the deadline from moving, for the reason of the end if it passes; nil once it has moved again. Ignored
  /// when the term has ended.
  package func note(obstacle: String?) {
    self.state.withLock { state in if state.ended == nil { state.obstacle = obstacle } }
  }

  /// Ends the term before its deadline: the server has reported that what it stands for is over.
  package func end(_ end: End) {
    let told = self.state.withLock { state in Self.end(&state, end) }
    told?()
  }

  /// Calls the handler once when the term ends; at once, and returning nil, if it has, even if those who came before have
  /// not been called yet.
  @usableFromInline
  package func onEnd(_ handler: @escaping @Sendable (End) -> Void) -> UInt64? {
    enum Outcome {
      case registered(UInt64)
      case over(End)
    }
    let outcome = self.state.withLock { state -> Outcome in
      if let end = state.ended { return .over(end) }
      return .registered(state.handlers.add(handler))
    }
    switch outcome {
    case .registered(let id): return id
    case .over(let end):
      handler(end)
      return nil
    }
  }

  @usableFromInline
  package func removeHandler(_ id: UInt64) {
    self.state.withLock { state in _ = state.handlers.remove(id) }
  }

  /// Ends the term under the lock; what is returned tells the handlers, to be called after it.
  private static func end(_ state: inout State, _ end: End) -> (() -> Void)? {
    guard state.end == nil else { return nil }
    state.end = end
    let handlers = state.handlers.removeAll()
    guard !handlers.isEmpty else { return nil }
    return { for handler in handlers { handler(end) } }
  }
}
