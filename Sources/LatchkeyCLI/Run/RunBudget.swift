/// How long `latchkey run` may take until the command starts: connecting, waiting for the lock, everything.
struct RunBudget: Sendable {
  /// A single try ends as soon as the servers have answered, and after this time at the latest.
  private static let longestTry = Duration.seconds(2)
  /// The least time for connecting: a budget of a few milliseconds is meant for the lock.
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
  /// - Parameter given: The timeout that the user has set for connecting; nil if none.
  func connectTimeout(_ given: Duration?) -> Duration? {
    guard let wait else { return given }
    let most = self.isTry ? Self.longestTry : max(wait, Self.shortestConnect)
    // Without one the backend's own timeout holds, up to the budget.
    return given.map { min($0, most) } ?? (most < .seconds(10) ? most : nil)
  }

  /// How long the lock may be waited for from now on.
  var left: Duration? {
    guard let wait, !self.isTry else { return self.wait }
    return max(.zero, wait - self.start.duration(to: .now))
  }
}
