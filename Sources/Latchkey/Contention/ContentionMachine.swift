/// How a caller wants to hold a lock.
@usableFromInline
package enum Want: Hashable, Sendable {
  /// Alone.
  case exclusive
  /// Together with others that share it.
  case shared
  /// Some permits of a semaphore, together with others that have the rest.
  case permits(Int)

  @usableFromInline
  var isPermits: Bool { if case .permits = self { true } else { false } }
}

/// What the callers of this process want of a lock at present: all that a backend's machine needs to know of them.
@usableFromInline
package struct Demand: Hashable, Sendable {
  /// What the first in line wants, and all behind it until the first that wants something else.
  @usableFromInline
  package var want: Want
  /// Whether a caller waits.
  package var waits: Bool
  /// Whether a try is in line that joined before the last question was asked.
  package var tries: Bool
  /// Whether a try has joined since: an answer on its way may be older than that call.
  package var newTries: Bool

  @usableFromInline
  package init(waits: Bool = false, tries: Bool = false, newTries: Bool = false, want: Want = .exclusive) {
    self.want = want
    self.waits = waits
    self.tries = tries
    self.newTries = newTries
  }

  /// Whether anybody wants the lock.
  @usableFromInline
  package var isAny: Bool { self.waits || self.tries || self.newTries }

  /// Whether a try is in line.
  package var hasTries: Bool { self.tries || self.newTries }

  /// Whether an answer that says "busy" settles nothing for some of the callers, all of them tries: the question must be asked again.
  package var needsNewAnswer: Bool { self.newTries && !self.waits }

  /// A question is asked: its answer will be newer than every call so far.
  package mutating func asked() {
    self.tries = self.hasTries
    self.newTries = false
  }

  /// The tries have been answered.
  package mutating func turnedAway() { (self.tries, self.newTries) = (false, false) }

  /// The tries have been answered that joined before the last question was asked.
  package mutating func turnedAwayEarlier() { (self.tries, self.newTries) = (self.newTries, false) }
}

/// A backend's lock protocol as a pure state machine: events in, actions out, no I/O, no clock.
///
/// It represents one process as one contender for one lock. The machine has no line of callers: it knows their ``Demand``, which
/// ``Contention`` sets before each call, and which the machine changes only within a step, as it answers callers.
@usableFromInline
package protocol ContentionMachine: Sendable {
  /// What happens at the backend: answers, notifications, sessions, timers.
  associatedtype Event: Sendable
  /// What the backend is to be asked for, or told.
  associatedtype Request: Sendable
  /// What the backend has of ours when we hold the lock: a node, a key, an attempt.
  associatedtype Claim: Hashable, Sendable
  /// What is known of our place in the queue.
  associatedtype Standing: Sendable
  /// What is read at the moment of an event, such as whether the session's term is live.
  associatedtype Context: Sendable

  /// What callers want.
  var demand: Demand { get set }

  /// Whether nothing is wanted, held or left to clean up.
  var isIdle: Bool { get }

  /// Whether nobody in this process holds the lock or is on the way to it: what a try that joins now asks is asked after it joined.
  var isFree: Bool { get }

  /// Whether an answer of the servers has shown in what state the lock is.
  var isAnswered: Bool { get }

  /// What is known of our place, if we wait.
  var standing: Standing? { get }

  /// Whether the answer to a request tells tries that the lock is busy.
  static func isQuestion(_ request: Request) -> Bool

  /// Callers have come or gone, or the head of the line wants something else than before.
  mutating func demandChanged(_ context: Context) -> [ContentionAction<Self>]

  /// The holder gives the claim back, or has lost it.
  mutating func released(_ claim: Claim, _ context: Context) -> [ContentionAction<Self>]

  mutating func handle(_ event: Event, _ context: Context) -> [ContentionAction<Self>]
}

/// What a machine wants done. All but ``send(_:)`` concerns callers, and ``Contention`` does it; requests are the backend's.
@usableFromInline
package enum ContentionAction<Machine: ContentionMachine>: Sendable {
  /// The lock is ours, as ``Demand/want`` says: the first in line gets it, or all at the head of the line that share it. The tries
  /// that are left are answered with "busy". If the first in line got permits, the machine is asked for the next one instead.
  case grant(Machine.Claim)
  /// The grant does not stand any more.
  case lose(Machine.Claim)
  /// A claim was exchanged for another one: its lease ends, and the caller that asked for that gets a lease of the new claim.
  case converted(Machine.Claim, into: Machine.Claim)
  /// A claim was not exchanged, and its lease stands as before: others are in the way, or the exchange has failed.
  case unconverted(Machine.Claim, LockFailure?)
  /// Answer the tries with "busy" that want what the head of the line wants, or stand behind a caller that waits; nil where the machine
  /// knows nothing of our place.
  case turnAway(Machine.Standing?)
  /// Answer the tries with "busy" that joined before the last question was asked. Its answer may be older than the other calls.
  case turnAwayEarlier(Machine.Standing?)
  /// Fail the tries.
  case failTries(LockFailure)
  /// Fail all callers in line.
  case fail(LockFailure)
  /// What was held is gone, or its removal continues in the background and is not confirmed.
  case releaseSettled(Machine.Claim, isConfirmed: Bool)
  /// Send a request; the outcome is reported as an event.
  case send(Machine.Request)
}

extension ContentionAction: Hashable, Equatable where Machine.Request: Hashable, Machine.Standing: Hashable {}

/// An error that a machine carries to callers. Two that say the same are equal, whatever caused them.
@usableFromInline
package struct LockFailure: Error, Hashable {
  @usableFromInline
  package let error: LockError

  package init(_ error: LockError) { self.error = error }

  @usableFromInline
  package static func == (one: LockFailure, other: LockFailure) -> Bool {
    one.error.code == other.error.code && one.error.name == other.error.name
      && one.error.message == other.error.message
  }

  @usableFromInline
  package func hash(into hasher: inout Hasher) {
    hasher.combine(self.error.code)
    hasher.combine(self.error.message)
  }
}
