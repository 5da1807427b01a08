/// The outcome of a request for the lock.
package enum TurnAnswer: Hashable, Sendable {
  /// The lock is ours.
  case granted
  /// Another client holds it; for how long at most, where that is known.
  case busy(remaining: Duration?)
  /// A key of our own stands in the way: its release has not arrived yet.
  case busyWithOwn
  /// Unknown, or the answer came too late. The error is kept by the shell under a number;
  /// `isSilence` if a server that has a connection did not answer in time.
  case unreachable(error: UInt64, isSilence: Bool = false)
  /// Too few servers may vote before a while is over. The error is kept by the shell under a number.
  case notYet(error: UInt64, remaining: Duration)
  /// Asking again will not help, though the request may have been carried out. The error is kept by the shell under a number.
  case refused(error: UInt64, inDoubt: Bool)
}

/// What happens to one lock within one client.
package enum TurnEvent: Hashable, Sendable {
  /// A caller asks for the lock; an impatient one does not wait.
  case joined(patient: Bool)
  /// A caller is gone: timed out, cancelled. A newcomer is a try that joined while a request was out.
  case left(patient: Bool, isNewcomer: Bool = false)
  /// The request has been answered.
  case answered(attempt: UInt64, TurnAnswer)
  /// The holder gave the lock back, or lost it.
  case ended(attempt: UInt64)
  /// The key is deleted, or will be or expire later; `told` is the number of subscribers notified.
  case releaseSettled(attempt: UInt64, told: Int)
  /// A holder has published that it released.
  case woken
  /// The server has confirmed the subscription to releases.
  case subscribed
  /// There is no subscription to releases, or no longer.
  case unsubscribed
  /// An alarm that was set has gone off.
  case alarm(UInt64)
}

/// Actions that the machine asks its shell to perform. The shell reports the outcome of each as an event.
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
  /// Answer the tries with "busy".
  case answerImpatient
  /// Answer the tries with "busy" that joined before the request was sent. Its answer may be older than the calls of the others.
  case answerEarlierImpatient
  /// Fail the tries with an error.
  case failImpatient(error: UInt64)
  /// Fail all callers in line with an error.
  case fail(error: UInt64)
}
