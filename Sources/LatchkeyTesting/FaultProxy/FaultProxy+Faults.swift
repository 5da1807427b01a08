extension FaultProxy {
  /// Delays each frame by some time; frames stay in order, and those that wait already keep their time.
  public func delay(_ time: Duration, _ direction: Direction = .both) async {
    await self.run { $0.delay(time, direction) }
  }

  /// Lets each connection carry only so many bytes a second; what is more waits, in order. Frames then arrive in pieces.
  ///
  /// - Parameters:
  ///   - bytesPerSecond: At least 1; nil for no limit.
  ///   - direction: Which way.
  public func throttle(bytesPerSecond: Int?, _ direction: Direction = .both) async {
    await self.run { $0.throttle(bytesPerSecond, direction) }
  }

  /// Holds back everything, silently: no byte, no end and no reset gets through until ``heal()``, which delivers it all.
  ///
  /// This is what a network does that is interrupted for a while.
  public func hold(_ direction: Direction = .both) async {
    await self.run { $0.setMode(.held, direction) }
  }

  /// Loses everything, silently, also what is under way, until ``heal()``.
  ///
  /// A stream with a hole is nothing that a network delivers, so ``heal()`` resets the connections that lost something.
  public func cut(_ direction: Direction = .both) async {
    await self.run { $0.setMode(.cut, direction) }
  }

  /// Ends delays, ``throttle(bytesPerSecond:_:)``, ``hold(_:)`` and ``cut(_:)``; rules for frames stay.
  public func heal() async {
    await self.run { $0.heal() }
  }

  /// Resets all connections (RST) on both sides; what waits in them is lost.
  public func reset() async {
    await self.run { $0.resetAll() }
  }

  /// Ends all connections one way, as if the sender had said that it will send no more; the other way stays open.
  public func halfClose(_ direction: Direction) async {
    await self.run { $0.halfClose(direction) }
  }

  /// Has new connections refused, as by a machine on which nobody listens, or takes them again; open ones stay.
  public func refuse(_ refused: Bool = true) async throws {
    let isRefusing = await self.run { $0.listener == nil }
    switch (isRefusing, refused) {
    case (false, true): await self.stopListening()
    case (true, false): try await self.listen()
    default: break
    }
  }
}
