/// Whether there is a connection, and when to make another: no I/O, no clock, no chance of its own.
struct ConnectionMachine {
  private enum State {
    case dialing
    /// Before the next attempt; the error of the last one, or nil if a connection was lost just now.
    case pausing(RedisError?)
    case live(number: Int)
    case closed
  }

  /// What becomes of a command.
  enum Admission {
    /// It can be sent at once.
    case send
    /// It waits for the attempt that is under way or comes next.
    case wait
    /// It cannot be sent.
    case refuse(RedisError)
  }

  private var state = State.dialing
  private var backoff: Backoff
  /// How many connections there were; the number of the present one.
  private(set) var number = 0

  /// A machine whose first attempt is under way.
  init(pause: ClosedRange<Duration>, rules: Backoff.Rules = Backoff.Rules()) {
    self.backoff = Backoff(pause: pause, rules: rules)
  }

  /// How many attempts in a row have failed, or have led to connections that broke soon.
  var failures: Int { self.backoff.failures }

  var admission: Admission {
    switch self.state {
    case .live: .send
    case .dialing, .pausing(nil): .wait
    case .pausing(.some(let error)): .refuse(error)
    case .closed: .refuse(.closedByOwner)
    }
  }

  var isClosed: Bool { if case .closed = self.state { true } else { false } }

  /// An attempt has succeeded.
  ///
  /// - Returns: Whether the connection is wanted.
  mutating func connected() -> Bool {
    guard case .dialing = self.state else { return false }
    self.number += 1
    self.state = .live(number: self.number)
    return true
  }

  /// An attempt has failed.
  ///
  /// - Parameters:
  ///   - error: Why.
  ///   - chance: A number from 0 to 1.
  /// - Returns: How long to pause before the next attempt; nil if there is none.
  mutating func failed(_ error: RedisError, chance: Double) -> Duration? {
    guard case .dialing = self.state else { return nil }
    self.state = .pausing(error)
    return self.backoff.failed(chance: chance)
  }

  /// A connection was lost.
  ///
  /// - Parameters:
  ///   - number: Which.
  ///   - age: How old it became. One that breaks soon after it was made counts as another failure.
  ///   - chance: A number from 0 to 1.
  /// - Returns: How long to pause before the next attempt; nil if the loss means nothing.
  mutating func lost(_ number: Int, age: Duration, chance: Double) -> Duration? {
    guard case .live(number) = self.state else { return nil }
    self.state = .pausing(nil)
    return self.backoff.lost(age: age, chance: chance)
  }

  /// The pause is over.
  ///
  /// - Returns: Whether to make an attempt now.
  mutating func pauseEnded() -> Bool {
    guard case .pausing = self.state else { return false }
    self.state = .dialing
    return true
  }

  /// The owner wants no connection any more.
  ///
  /// - Returns: Whether it wanted one until now.
  mutating func close() -> Bool {
    defer { self.state = .closed }
    return !self.isClosed
  }
}

extension RedisError {
  static let closedByOwner = RedisError(
    .closed,
    "The connection was closed by its owner; make another to send commands."
  )
}
