/// What is known of one lease.
package struct LeaseRecord: Hashable, Sendable {
  package var client: Int
  var life: Int
  var worker: Int
  /// Which of the worker's leases, from 0.
  var number: Int
  package var token: VerifyToken?
  var asked: UInt64
  /// The first instant at which it was certainly held; nil if it never was seen to be.
  var firstHeld: UInt64?
  /// The last instant at which it was certainly held: what was held at two instants was held in between.
  package var lastHeld: UInt64?
  /// The last deadline that is known; nil while nobody looks and it may move.
  var deadline: UInt64?
  /// Whether the grant came without a deadline.
  var lacksDeadline = false
  /// Whether its holder did not look at it, but waited to be told of its loss.
  var isUnwatched = false
  /// When it was first seen to be held no longer.
  var seenOver: UInt64?
  /// When it said by itself that it was lost.
  package var toldAt: UInt64?
  var reason: String?
  /// When its holder began to give it back.
  var releasing: UInt64?
  var released: UInt64?
  /// Answers that must not be: held after the deadline, or again after it was over.
  var heldAfterDeadline: UInt64?
  var heldAgain: UInt64?

  init(client: Int, life: Int = 0, worker: Int, number: Int, token: VerifyToken?, asked: UInt64) {
    self.client = client
    self.life = life
    self.worker = worker
    self.number = number
    self.token = token
    self.asked = asked
  }

  /// Takes in one look at it.
  mutating func note(_ seen: Observation) {
    self.deadline = [self.deadline, seen.deadline].compactMap { $0 }.max()
    guard seen.isHeld else {
      self.seenOver = self.seenOver ?? seen.after
      return
    }
    if self.seenOver != nil { self.heldAgain = self.heldAgain ?? seen.before }
    if let deadline = seen.deadline, seen.before > deadline {
      self.heldAfterDeadline = self.heldAfterDeadline ?? seen.before
    }
    self.firstHeld = self.firstHeld ?? seen.after
    self.lastHeld = max(self.lastHeld ?? 0, seen.before)
  }

  /// The stretch of time in which it was certainly held; nil if there is none.
  package var certainlyHeld: ClosedRange<UInt64>? {
    guard let firstHeld, let lastHeld, firstHeld <= lastHeld else { return nil }
    return firstHeld...lastHeld
  }

  /// Whether it has told its loss to a holder that did not ask.
  package var isToldUnasked: Bool {
    guard self.isUnwatched, let toldAt else { return false }
    return toldAt < (self.releasing ?? .max)
  }

  /// The process that was granted it.
  var place: ClientHistory.Life { .init(client: self.client, life: self.life) }

  /// For people.
  var holder: String {
    "client \(self.client + 1)\(self.life > 0 ? ".\(self.life + 1)" : "") worker \(self.worker + 1)"
  }
}

/// A request for the lock.
package struct RequestRecord: Hashable, Sendable {
  var place: ClientHistory.Life
  var worker: Int
  var asked: UInt64
  var within: UInt64
  /// When it came to its end; nil if its process ended before.
  var ended: UInt64?
  /// Why there was no grant; nil if there was.
  var failure: String?

  /// For people.
  var who: String { "client \(self.place.client + 1) worker \(self.worker + 1)" }
}
