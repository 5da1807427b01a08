extension Duration {
  /// The whole milliseconds in it.
  var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = self.components
    let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    return overflow ? (seconds < 0 ? .min : .max) : milliseconds + attoseconds / 1_000_000_000_000_000
  }
}
