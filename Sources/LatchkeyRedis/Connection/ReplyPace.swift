internal import NIOCore

/// Whether a server's replies come so soon that it is better to look out for them than to be woken up.
struct ReplyPace {
  /// After how many replies in a row that took longer nobody looks out any more.
  private static let patience = 8
  /// How many replies later somebody looks out again, for one: who sleeps is told later than the reply has come, and so does
  /// not learn that the server has become quick.
  private static let retreat = 64

  /// How soon a reply must come; zero if nobody is to look out.
  private let limit: TimeAmount
  private var slow = 0

  init(limit: TimeAmount) {
    self.limit = limit
  }

  /// Whether to look out for the next reply.
  var isQuick: Bool { self.limit > .zero && self.slow < Self.patience }

  /// A reply has come, to one of few requests.
  mutating func replied(after time: TimeAmount) {
    self.slow = time <= self.limit ? 0 : self.slow + 1
    if self.slow == Self.patience + Self.retreat { self.slow = Self.patience - 1 }
  }
}
