internal import Latchkey
internal import LatchkeyPrimitives

/// How long a key's TTL protects its owner.
package enum LeaseTime {
  /// The deadline of a key that was planted or extended by a request sent at an instant: the TTL counts from the sending, since
  /// nobody knows when the server began to count, less what two clocks may differ by (the 1 % and 2 ms of Redlock's author).
  package static func deadline(sentAt: ContinuousClock.Instant, timeToLive: Duration) -> ContinuousClock.Instant {
    sentAt.advanced(by: timeToLive - self.drift(timeToLive))
  }

  /// What is taken off a TTL.
  package static func drift(_ timeToLive: Duration) -> Duration { timeToLive / 100 + .milliseconds(2) }

  /// How long a server may owe a reply and say nothing, until another connection is tried. A renewal is sent when a third of the
  /// TTL has gone by: a third later it is sent again, with another third to go.
  static func patience(timeToLive: Duration) -> Duration { max(.seconds(1), timeToLive / 3) }

  /// The TTL of a counter, as the scripts take it: a day after its last use, and never before its lock.
  static func counterTimeToLiveWord(_ timeToLive: Duration) -> [UInt8] {
    Array("\(max(86_400_000, timeToLive.milliseconds * 2))".utf8)
  }

  /// The shortest TTL that leaves any time after a round trip.
  package static let shortest = Duration.milliseconds(10)
}
