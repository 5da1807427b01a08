/// The stretch of time for which a backend is proven not to give a lock to anyone else by itself; one term is shared by all
/// leases that rest on the same proof (a session, a key's TTL).
///
/// A term ends once: at its deadline by clock arithmetic, or when the backend says so. It is never revived: renewal that
/// comes after the deadline is refused, and whoever was told "over" is never told otherwise later.
package final class LeaseTerm: Sendable {
  /// Why a term ended.
  package enum End: Sendable, Equatable {
    case deadlinePassed
    case told(String)

    package var reason: String {
      switch self {
      case .deadlinePassed: "its deadline passed before the backend confirmed that the client was alive"
      case .told(let reason): reason
      }
    }
  }

  private struct State {
    var deadline: ContinuousClock.Instant
    var end: End?
    var handlers: [UInt64: @Sendable (End) -> Void] = [:]
    var nextHandler: UInt64 = 1
  }

  private let state: Locked<State>

  /// Whether the term has no deadline, and only ends when it is told to.
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
  package var deadline: ContinuousClock.Instant { self.state.withLock { $0.deadline } }

  /// How the term has ended; nil while it runs, as far as anybody has looked.
  package var ended: End? { self.state.withLock { $0.end } }

  /// Whether the term still runs. An answer of false is final: it also ends the term.
  package var isLive: Bool { self.isLive(at: .now) }

  /// Whether the term still runs, without telling its handlers if it does not: for callers that hold a lock of their own. The
  /// answer is final all the same, since a deadline that has passed never moves.
  package var hasTimeLeft: Bool { self.state.withLock { $0.end == nil && ContinuousClock.now < $0.deadline } }

  /// Takes time away: the proof has turned out to reach less far.
  package func limit(to deadline: ContinuousClock.Instant) {
    let told = self.state.withLock { state in
      state.deadline = min(state.deadline, deadline)
      return Self.expire(&state, at: .now)
    }
    told?()
  }

  package func isLive(at now: ContinuousClock.Instant) -> Bool {
    let (live, told) = self.state.withLock { state in
      (state.end == nil && now < state.deadline, Self.expire(&state, at: now))
    }
    told?()
    return live
  }

  /// Moves the deadline forward; an earlier deadline than the present one changes nothing.
  ///
  /// - Returns: False if the term has ended, or ends now because its deadline has passed.
  @discardableResult
  package func advance(to deadline: ContinuousClock.Instant) -> Bool {
    // The clock is read under the lock: a deadline that has passed by now must not move, however late this thread runs.
    let (advanced, told) = self.state.withLock { state -> (Bool, (() -> Void)?) in
      let told = Self.expire(&state, at: .now)
      guard state.end == nil else { return (false, told) }
      if deadline > state.deadline { state.deadline = deadline }
      return (true, nil)
    }
    told?()
    return advanced
  }

  /// Ends the term: the backend has said that the lock may be somebody else's.
  package func end(_ end: End) {
    let told = self.state.withLock { state in Self.end(&state, end) }
    told?()
  }

  /// Calls the handler once when the term ends; at once, and returning nil, if it has.
  package func onEnd(_ handler: @escaping @Sendable (End) -> Void) -> UInt64? {
    enum Outcome {
      case registered(UInt64)
      case over(End)
    }
    let outcome = self.state.withLock { state -> Outcome in
      if let end = state.end { return .over(end) }
      let id = state.nextHandler
      state.nextHandler += 1
      state.handlers[id] = handler
      return .registered(id)
    }
    switch outcome {
    case .registered(let id): return id
    case .over(let end):
      handler(end)
      return nil
    }
  }

  package func removeHandler(_ id: UInt64) {
    self.state.withLock { state in _ = state.handlers.removeValue(forKey: id) }
  }

  private static func expire(_ state: inout State, at now: ContinuousClock.Instant) -> (() -> Void)? {
    guard state.end == nil, now >= state.deadline else { return nil }
    return self.end(&state, .deadlinePassed)
  }

  /// Ends the term under the lock; what is returned tells the handlers, to be called after it.
  private static func end(_ state: inout State, _ end: End) -> (() -> Void)? {
    guard state.end == nil else { return nil }
    state.end = end
    let handlers = Array(state.handlers.values)
    state.handlers = [:]
    guard !handlers.isEmpty else { return nil }
    return { for handler in handlers { handler(end) } }
  }
}
