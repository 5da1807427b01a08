internal import Latchkey

/// What a lease rests on.
struct LockGrant: Sendable {
  let sentAt: ContinuousClock.Instant
  let deadline: ContinuousClock.Instant
  /// What the server minted; nil where there is no token.
  let token: FencingToken?
}

/// How a request for a lock came out.
enum AttemptOutcome: Sendable {
  case granted(LockGrant)
  /// The TTL was used up when the grant came.
  case late
  /// Others hold it: those whose keys were found, and the one that holds the lock, where that is known.
  case busy(remaining: Duration?, owners: [[UInt8]], holder: [UInt8]?)
  /// Nobody knows; `isSilence` if a server that has a connection did not answer in time.
  case unreachable(LockError, isSilence: Bool)
  /// Nothing can be granted before a while is over.
  case notYet(LockError, remaining: Duration)
  /// Asking again will not help, though the request may have been carried out.
  case refused(LockError, inDoubt: Bool)
}

/// One owner's attempt to get a lock, from its first request until nothing of it is left at any server.
///
/// It reports to its contention: how each request came out, when its release is settled, and when it is over.
protocol LockAttempt: AnyObject, Sendable {
  /// Its number among the attempts for the lock.
  var number: UInt64 { get }
  /// What its keys hold.
  var owner: [UInt8] { get }
  /// Whether it deletes what it has planted.
  var isReleased: Bool { get }
  /// Whether nothing of it can be at a server any more.
  var isOver: Bool { get }
  /// What is reported of the servers to a caller that waits.
  var wait: LockError.Wait { get }

  /// Asks for the lock.
  func ask()

  /// Gives back what servers may hold.
  func release()

  /// Notes until when the servers keep what was granted, for errors and logs about a release that failed.
  func note(standsUntil: ContinuousClock.Instant)

  /// Logs that the release is given up.
  func dropRelease()
}
