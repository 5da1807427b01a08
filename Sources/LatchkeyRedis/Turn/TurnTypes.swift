/// How asking for the lock came out.
package enum TurnAnswer: Hashable, Sendable {
  /// The lock is ours.
  case granted
  /// Somebody else has it; for how long at most, where that is known.
  case busy(remaining: Duration?)
  /// What stands in the way is what we have released ourselves: the release has not got there yet.
  case busyWithOwn
  /// Nobody could tell, or the answer came too late. The error is kept by the shell under a number;
  /// `isSilence` if a server that has a connection did not answer in time.
  case unreachable(error: UInt64, isSilence: Bool = false)
  /// Too few servers may vote before a while is over. The error is kept by the shell under a number.
  case notYet(error: UInt64, remaining: Duration)
  /// Asking again will not help, though what was asked may have been done. The error is kept by the shell under a number.
  case refused(error: UInt64, inDoubt: Bool)
}

/// What happens to one lock within one client.
package enum TurnEvent: Hashable, Sendable {
  /// Somebody asks for the lock; an impatient caller only if it need not wait.
  case joined(patient: Bool)
  /// Somebody who asked is gone: timed out, cancelled. A newcomer is a try that came while a request was out.
  case left(patient: Bool, isNewcomer: Bool = false)
  /// Asking has been answered.
  case answered(attempt: UInt64, TurnAnswer)
  /// The holder gave the lock back, or lost it.
  case ended(attempt: UInt64)
  /// What was given back is gone at the server, or will be by and by; how many clients were told.
  case releaseSettled(attempt: UInt64, told: Int)
  /// A holder has published that it released.
  case woken
  /// The server has confirmed that we are told of releases.
  case subscribed
  /// We are not told of releases, or no longer.
  case unsubscribed
  /// An alarm that was set has gone off.
  case alarm(UInt64)
}

/// What is wanted done about one lock within one client. Whoever performs an action reports the outcome as an event.
package enum TurnAction: Hashable, Sendable {
  /// Ask for the lock: as a new owner, or as the owner of an attempt that is not answered for good.
  case ask(attempt: UInt64, isNew: Bool)
  /// Give the lock to the first in line.
  case grant(attempt: UInt64)
  /// Give back what an attempt holds, or may hold.
  case release(attempt: UInt64)
  /// Set an alarm for some instant between two delays from now.
  case rest(alarm: UInt64, atLeast: Duration, atMost: Duration)
  case subscribe
  case unsubscribe
  /// Tell those who would not wait that the lock is held.
  case answerImpatient
  /// The same, except those who came while the request was out: its answer may be older than their calls.
  case answerEarlierImpatient
  /// Tell those who would not wait about an error.
  case failImpatient(error: UInt64)
  /// Tell everybody in line about an error.
  case fail(error: UInt64)
}
