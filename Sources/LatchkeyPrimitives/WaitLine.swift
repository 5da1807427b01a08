/// Callers that wait in the order in which they came, each suspended until it is answered.
///
/// Pure bookkeeping: nothing is resumed in here. Whoever takes a continuation out of the line must resume it, outside the
/// lock that guards the line. To leave the line is the right to answer, so everybody is answered exactly once, whichever of
/// grant, cancellation and time-out comes first.
///
/// Inlinable, as ``Locked`` is.
@frozen
@usableFromInline
package struct WaitLine<Answer: Sendable>: Sendable {
  /// Somebody's place in the line.
  @frozen
  @usableFromInline
  package struct ID: Hashable, Sendable {
    @usableFromInline
    let number: UInt64

    @inlinable
    init(number: UInt64) {
      self.number = number
    }
  }

  /// What resumes somebody who is suspended.
  @usableFromInline
  package typealias Continuation = CheckedContinuation<Answer, Never>

  @usableFromInline
  @frozen
  enum Place: Sendable {
    /// Has a place, but is not suspended yet.
    case arriving
    case waiting(Continuation)
  }

  /// Everybody who ever joined, oldest first; those that left from the middle stay as tombstones until they are passed.
  @usableFromInline
  var order: [ID] = []
  @usableFromInline
  var first = 0
  /// How many of each `blockSize` of `order` still wait: so a place is counted without a look at everybody before it.
  @usableFromInline
  var blocks: [Int] = []
  @usableFromInline
  var places: [ID: Place] = [:]
  /// Answers to those who left before they were suspended.
  @usableFromInline
  var early: [ID: Answer] = [:]
  @usableFromInline
  var nextNumber: UInt64 = 1

  /// An empty line.
  @inlinable
  package init() {}

  /// Whether nobody waits.
  @inlinable
  package var isEmpty: Bool { self.places.isEmpty }

  /// How many wait.
  @inlinable
  package var count: Int { self.places.count }

  /// Takes the last place in the line; `suspend` must follow.
  @inlinable
  package mutating func join() -> ID {
    let id = ID(number: self.nextNumber)
    self.nextNumber += 1
    if self.order.count % Self.blockSize == 0 { self.blocks.append(0) }
    self.blocks[self.order.count / Self.blockSize] += 1
    self.order.append(id)
    self.places[id] = .arriving
    return id
  }

  /// Suspends whoever has joined.
  ///
  /// - Returns: The answer, if it came before: the caller then resumes its continuation with it.
  @inlinable
  package mutating func suspend(_ id: ID, _ continuation: Continuation) -> Answer? {
    if let answer = self.early.removeValue(forKey: id) { return answer }
    precondition(self.places[id] != nil, "suspended without having joined, or twice")
    self.places[id] = .waiting(continuation)
    return nil
  }

  /// The first in line.
  @inlinable
  package var head: ID? {
    mutating get {
      while self.first < self.order.count {
        let id = self.order[self.first]
        if self.places[id] != nil { return id }
        self.first += 1
      }
      self.order.removeAll(keepingCapacity: true)
      self.blocks.removeAll(keepingCapacity: true)
      self.first = 0
      return nil
    }
  }

  /// The first in line for whom a condition holds.
  @inlinable
  package func first(where condition: (ID) -> Bool) -> ID? {
    self.order[self.first...].first { self.places[$0] != nil && condition($0) }
  }

  /// Those at the front of the line, up to the first for whom a condition does not hold.
  @inlinable
  package func prefix(while condition: (ID) -> Bool) -> [ID] {
    Array(self.order[self.first...].lazy.filter { self.places[$0] != nil }.prefix(while: condition))
  }

  /// How many wait before somebody; 0 for somebody who does not wait.
  @inlinable
  package func countAhead(of id: ID) -> Int {
    guard self.places[id] != nil else { return 0 }
    let position = self.position(of: id)
    let block = position / Self.blockSize
    let inBlock = self.order[(block * Self.blockSize)..<position].count { self.places[$0] != nil }
    return self.blocks[..<block].reduce(inBlock, +)
  }

  @inlinable
  static var blockSize: Int { 64 }

  /// Where somebody who waits stands in `order`, whose numbers ascend.
  @inlinable
  func position(of id: ID) -> Int {
    // Most often it is the first who leaves.
    if self.order[self.first] == id { return self.first }
    var (low, high) = (self.first, self.order.count)
    while low < high {
      let middle = (low + high) / 2
      if self.order[middle].number < id.number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// How an attempt to answer somebody ended.
  @frozen
  @usableFromInline
  package enum Departure: Sendable {
    /// Nobody of that number waits any more: the answer was not used.
    case alreadyGone
    /// The answer is kept until the caller suspends.
    case early
    /// The caller of `leave` resumes this.
    case resume(Continuation)
  }

  /// Takes somebody out of the line with an answer.
  @inlinable
  package mutating func leave(_ id: ID, with answer: Answer) -> Departure {
    guard let place = self.places.removeValue(forKey: id) else { return .alreadyGone }
    self.blocks[self.position(of: id) / Self.blockSize] -= 1
    self.compact()
    switch place {
    case .arriving:
      self.early[id] = answer
      return .early
    case .waiting(let continuation):
      return .resume(continuation)
    }
  }

  /// Empties the line.
  ///
  /// - Returns: The continuations to resume with the answer.
  @inlinable
  package mutating func leaveAll(with answer: Answer) -> [Continuation] {
    var continuations: [Continuation] = []
    while let id = self.head {
      if case .resume(let continuation) = self.leave(id, with: answer) { continuations.append(continuation) }
    }
    return continuations
  }

  /// Keeps the tombstones below the number of those who wait, plus a constant.
  @inlinable
  mutating func compact() {
    let dead = self.order.count - self.places.count
    guard dead > 64, dead > self.order.count / 2 else { return }
    self.order = self.order[self.first...].filter { self.places[$0] != nil }
    self.blocks = stride(from: 0, to: self.order.count, by: Self.blockSize).map { start in
      min(Self.blockSize, self.order.count - start)
    }
    self.first = 0
  }
}

extension WaitLine.Departure {
  /// Resumes the caller with the answer it left with, if it is suspended.
  @inlinable
  package func resume(with answer: Answer) {
    if case .resume(let continuation) = self { continuation.resume(returning: answer) }
  }

  /// Whether the answer reached, or will reach, somebody.
  @inlinable
  package var isDelivered: Bool {
    if case .alreadyGone = self { false } else { true }
  }
}
