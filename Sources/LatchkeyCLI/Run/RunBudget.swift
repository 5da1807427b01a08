/// How long `latchkey run` may take until the command starts: connecting, waiting for the lock, everything.
struct RunBudget: Sendable {
  /// A single try ends as soon as the servers have answered; this is how long they have for it.
  private static let longestTry = Duration.seconds(2)
  /// No connection is given up before: a budget of a few milliseconds is meant for the lock.
  private static let shortestConnect = Duration.seconds(1)

  /// Nil: for ever. Zero: a single try.
  let wait: Duration?
  private let start: ContinuousClock.Instant

  init(_ wait: Duration?, start: ContinuousClock.Instant = .now) {
    self.wait = wait
    self.start = start
  }

  var isTry: Bool { self.wait == .zero }

  /// How long connecting may take.
  ///
  /// - Parameter given: What the user says about connecting alone.
  func connectTimeout(_ given: Duration?) -> Duration? {
    guard let wait else { return given }
    let most = self.isTry ? Self.longestTry : max(wait, Self.shortestConnect)
    // Without a word from the user the backend knows best, up to the budget.
    return given.map { min($0, most) } ?? (most < .seconds(10) ? most : nil)
  }

  /// How long the lock may be waited for from now on.
  var left: Duration? {
    guard let wait, !self.isTry else { return self.wait }
    return max(.zero, wait - self.start.duration(to: .now))
  }
}
