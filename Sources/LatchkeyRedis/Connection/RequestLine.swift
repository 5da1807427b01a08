internal import NIOCore

/// Those who wait for replies, in the order of their commands: the n-th reply belongs to the n-th of them.
///
/// Who has waited too long is answered and leaves his place empty, so that the reply that comes late, or never, is nobody
/// else's.
struct RequestLine<Answer> {
  private struct Place {
    var sent: NIODeadline
    var answer: Answer?
  }

  /// What a reply that has come means.
  struct Arrival {
    /// When the command was sent that it belongs to; nil if nobody had sent one.
    var sent: NIODeadline?
    /// Who waits for it; nobody if it comes too late.
    var answer: Answer?
  }

  private var places = CircularBuffer<Place>()
  /// How many at the head are empty.
  private var expired = 0
  /// When the server has last said something.
  private var lastReply = NIODeadline.uptimeNanoseconds(0)

  /// How many replies are awaited, those that come too late included.
  var count: Int { self.places.count }

  /// Takes a place at the end.
  mutating func append(_ answer: Answer, at now: NIODeadline) {
    self.places.append(Place(sent: now, answer: answer))
  }

  /// A reply has come.
  mutating func reply() -> Arrival {
    guard let place = self.places.popFirst() else { return Arrival(sent: nil, answer: nil) }
    if place.answer == nil { self.expired -= 1 }
    return Arrival(sent: place.sent, answer: place.answer)
  }

  /// The server has said something, or can be spoken to from now on.
  mutating func heard(at now: NIODeadline) {
    self.lastReply = now
  }

  /// Gives up all who have waited for `limit`.
  mutating func expire(after limit: TimeAmount, at now: NIODeadline) -> [Answer] {
    var answers: [Answer] = []
    while self.expired < self.places.count {
      let index = self.places.index(self.places.startIndex, offsetBy: self.expired)
      guard self.places[index].sent + limit <= now else { break }
      if let answer = self.places[index].answer { answers.append(answer) }
      self.places[index].answer = nil
      self.expired += 1
    }
    return answers
  }

  /// When somebody will have waited for `limit`; nil if nobody waits.
  func nextExpiry(after limit: TimeAmount) -> NIODeadline? {
    guard self.expired < self.places.count else { return nil }
    return self.places[self.places.index(self.places.startIndex, offsetBy: self.expired)].sent + limit
  }

  /// Since when the server owes a reply and has said nothing; nil if it owes none.
  var silentSince: NIODeadline? {
    self.places.first.map { max($0.sent, self.lastReply) }
  }

  /// Empties the line.
  ///
  /// - Returns: All who waited.
  mutating func removeAll() -> [Answer] {
    defer {
      self.places.removeAll()
      self.expired = 0
    }
    return self.places.compactMap(\.answer)
  }
}

extension RequestLine.Arrival: Equatable where Answer: Equatable {}
