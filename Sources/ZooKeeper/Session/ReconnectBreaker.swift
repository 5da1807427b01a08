/// Notices a session that connects again and again and never gets a good answer.
///
/// Pure. Such a session is touched by each connection, so the servers never expire it, and its nodes stand in the way of all
/// other clients for as long as it goes on.
struct ReconnectBreaker: Sendable {
  /// How many connections in a row may be without a good answer.
  var limit = 5
  private var fruitless = 0

  init(limit: Int = 5) {
    self.limit = limit
  }

  /// The session is connected.
  ///
  /// - Returns: Whether too many connections have had no good answer.
  mutating func connected() -> Bool {
    self.fruitless += 1
    return self.fruitless > self.limit
  }

  /// The servers have answered as they must.
  mutating func answered() {
    self.fruitless = 0
  }
}
