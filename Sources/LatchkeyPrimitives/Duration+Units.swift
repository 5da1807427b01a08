extension Duration {
  /// The whole nanoseconds in it, rounded towards zero; the nearest number that fits if there are too many.
  package var nanoseconds: Int64 { self.count(perSecond: 1_000_000_000) }

  /// The whole milliseconds in it, rounded towards zero; the nearest number that fits if there are too many.
  package var milliseconds: Int64 { self.count(perSecond: 1000) }

  /// The seconds in it, rounded up.
  package var secondsRoundedUp: Int64 {
    let (seconds, attoseconds) = self.components
    return attoseconds > 0 && seconds < .max ? seconds + 1 : seconds
  }

  private func count(perSecond rate: Int64) -> Int64 {
    let (seconds, attoseconds) = self.components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: rate)
    let (count, carries) = whole.addingReportingOverflow(attoseconds / (1_000_000_000_000_000_000 / rate))
    return overflow || carries ? (seconds < 0 ? .min : .max) : count
  }
}
