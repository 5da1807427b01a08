public import LatchkeyPrimitives

/// The callers of this process that want one lock, in the order in which they came. Some wait; tries do not.
@usableFromInline
struct CallerLine<Answer: Sendable>: Sendable {
  @usableFromInline
  typealias Line = WaitLine<Answer>
  @usableFromInline
  typealias ID = Line.ID

  @usableFromInline
  var line = Line()
  @usableFromInline
  var tries: Set<ID> = []
  /// What those want who want something else than the lock alone. In one contention all want permits, or nobody does.
  @usableFromInline
  var wants: [ID: Want] = [:]
  /// The tries that joined after the last question was asked.
  @usableFromInline
  var newTries: Set<ID> = []
  /// Those that may run out of time.
  @usableFromInline
  var timed: Set<ID> = []
  /// Those for whom the servers have not answered anything yet, and until when they wait for that.
  @usableFromInline
  var unanswered: [ID: ContinuousClock.Instant] = [:]

  @inlinable
  var isEmpty: Bool { self.line.isEmpty }
  @inlinable
  var count: Int { self.line.count }
  @inlinable
  var hasDeadline: Bool { !self.timed.isEmpty }

  @inlinable
  var demand: Demand {
    mutating get {
      Demand(
        waits: self.line.count > self.tries.count,
        tries: self.tries.count > self.newTries.count,
        newTries: !self.newTries.isEmpty,
        want: self.want
      )
    }
  }

  @inlinable
  var want: Want {
    mutating get {
      guard !self.wants.isEmpty, let head = self.line.head else { return .exclusive }
      return self.want(of: head)
    }
  }

  @inlinable
  func want(of id: ID) -> Want { self.wants[id] ?? .exclusive }

  /// Whether callers want permits: what others of this process hold may leave some for them.
  @inlinable
  var wantsPermits: Bool { self.wants.first?.value.isPermits == true }

  @inlinable
  func isTry(_ id: ID) -> Bool { self.tries.contains(id) }

  @inlinable
  func countAhead(of id: ID) -> Int { self.line.countAhead(of: id) }

  /// Those whom a grant serves of what the head of the line wants: the head, and if it shares the lock, all behind it until the first
  /// that does not.
  @inlinable
  var served: [ID] {
    mutating get {
      guard let head = self.line.head else { return [] }
      return self.want == .shared ? self.line.prefix { self.wants[$0] == .shared } : [head]
    }
  }

  /// - Parameters:
  ///   - isNew: Whether what has been asked already tells a try nothing.
  ///   - firstAnswer: Until when the servers must have answered anything at all.
  @inlinable
  mutating func join(
    for want: Want,
    isTry: Bool,
    isNew: Bool,
    hasDeadline: Bool,
    firstAnswer: ContinuousClock.Instant?
  ) -> ID {
    let id = self.line.join()
    if want != .exclusive { self.wants[id] = want }
    if isTry {
      self.tries.insert(id)
      if isNew { self.newTries.insert(id) }
    }
    if hasDeadline { self.timed.insert(id) }
    if let firstAnswer { self.unanswered[id] = firstAnswer }
    return id
  }

  @inlinable
  mutating func suspend(_ id: ID, _ continuation: Line.Continuation) -> Answer? {
    self.line.suspend(id, continuation)
  }

  @inlinable
  mutating func leave(_ id: ID, with answer: Answer) -> Line.Departure {
    let departure = self.line.leave(id, with: answer)
    guard departure.isDelivered else { return departure }
    if self.tries.remove(id) != nil { self.newTries.remove(id) }
    if !self.wants.isEmpty { self.wants[id] = nil }
    self.timed.remove(id)
    self.unanswered[id] = nil
    return departure
  }

  @inlinable
  mutating func leaveAll(with answer: Answer) -> [Line.Continuation] {
    (self.tries, self.newTries, self.wants, self.timed, self.unanswered) = ([], [], [:], [], [:])
    return self.line.leaveAll(with: answer)
  }

  @inlinable
  var allTries: Set<ID> { self.tries }

  /// Whether the head of the line is a try, and a try behind it wants something else, with no caller that waits between them.
  @inlinable
  var sparesTries: Bool {
    mutating get { !self.wants.isEmpty && self.tries(sparingNew: false) != self.tries }
  }

  /// The tries to be answered with "busy": those that want what the head of the line wants, and those behind a caller that waits. Others
  /// might be granted what they want.
  @inlinable
  mutating func tries(sparingNew: Bool) -> Set<ID> {
    let tries = sparingNew ? self.tries.subtracting(self.newTries) : self.tries
    guard !self.wants.isEmpty, !tries.isEmpty else { return tries }
    let want = self.want
    var answered: Set<ID> = []
    var isBehindWaiter = false
    for id in self.line.prefix(while: { _ in true }) {
      guard self.tries.contains(id) else {
        isBehindWaiter = true
        continue
      }
      if isBehindWaiter || self.want(of: id) == want, tries.contains(id) { answered.insert(id) }
    }
    return answered
  }

  /// A question is asked: its answer will be newer than every call so far.
  @inlinable
  mutating func asked() { self.newTries = [] }

  /// The servers have answered.
  @inlinable
  mutating func answered() { if !self.unanswered.isEmpty { self.unanswered = [:] } }
}
