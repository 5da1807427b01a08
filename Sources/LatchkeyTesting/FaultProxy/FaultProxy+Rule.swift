extension FaultProxy {
  /// A rule for frames that is in force in a proxy.
  public struct Rule: Sendable {
    let number: Int
    let proxy: FaultProxy

    /// How many frames the rule has struck.
    public var strikes: Int {
      get async {
        let number = self.number
        return await self.proxy.run { $0.strikes[number] ?? 0 }
      }
    }

    /// Waits until the rule has struck so many frames.
    ///
    /// - Throws: ``ServerError`` when it has not within the limit; `CancellationError`.
    public func struck(_ times: Int = 1, within limit: Duration = .seconds(10)) async throws {
      let number = self.number
      try await self.proxy.wait(within: limit, for: "Strike \(times) of the rule") {
        ($0.strikes[number] ?? 0) >= times
      }
    }

    /// Ends the rule; the frames that it holds go on.
    public func remove() async {
      let number = self.number
      await self.proxy.run { $0.removeRule(number) }
    }
  }
}
