internal import Latchkey

extension WallClock {
  /// An instant that lies ahead, in words: the time of day, and how far away it is.
  static func describe(_ instant: ContinuousClock.Instant) -> String {
    let remaining = max(.zero, ContinuousClock.now.duration(to: instant))
    return "no lock can be had before \(self.timeOfDay(after: remaining)), \(remaining.roundedUp) from now"
  }
}
