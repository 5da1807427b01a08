package import Latchkey

/// The outcome of a request for the lock.
package enum RedisLockAnswer: Hashable, Sendable {
  /// The lock is ours.
  case granted
  /// Another client holds it; for how long at most, where that is known.
  case busy(remaining: Duration?)
  /// A key of our own stands in the way: its release has not arrived yet.
  case busyWithOwn
  /// Unknown, or the answer came too late; `isSilence` if a server that has a connection did not answer in time.
  case unreachable(LockFailure, isSilence: Bool = false)
  /// Too few servers can grant anything before a while is over.
  case notYet(LockFailure, remaining: Duration)
  /// Asking again will not help, though the request may have been carried out.
  case refused(LockFailure, inDoubt: Bool)
}

/// What happens to one lock within one client, at the servers and as time passes.
package enum RedisLockEvent: Hashable, Sendable {
  /// The request has been answered.
  case answered(attempt: UInt64, RedisLockAnswer)
  /// The key is deleted, or will be or expire later; `notified` is the number of subscribers that were sent the release.
  case releaseSettled(attempt: UInt64, notified: Int)
  /// A holder has published that it released.
  case woken
  /// The server has confirmed the subscription to releases.
  case subscribed
  /// There is no subscription to releases, or no longer.
  case unsubscribed
  /// An alarm that was set has gone off.
  case alarm(UInt64)
}

/// What the machine asks of the servers and of the clock. The outcome of each is reported as an event.
package enum RedisLockRequest: Hashable, Sendable {
  /// Ask for the lock: as a new owner, or as the owner of an attempt that is not answered for good.
  case ask(attempt: UInt64, isNew: Bool)
  /// Give back what an attempt holds, or may hold.
  case release(attempt: UInt64)
  /// Set an alarm for some instant between two delays from now.
  case rest(alarm: UInt64, atLeast: Duration, atMost: Duration)
  case subscribe
  case unsubscribe
}

package typealias RedisLockAction = ContentionAction<RedisLockMachine>
