internal import LatchkeyPrimitives

/// A lock made of a channel whose slot holds a token, the number of the last grant: to receive the token is to hold the lock, to
/// send it back is to release.
final class ChannelLock: LocalLeaseDriver {
  static let kind = "channel"

  private struct Holding {
    /// The grant that stands; nil while the token is in the channel.
    var grant: UInt64?
    var endingHandlers = HandlerTable<@Sendable (LeaseEnding) -> Void>()
  }

  let name: LockName
  let backend: LockBackend
  private let observer: LockObserver
  private let channel: SlotChannel<UInt64>
  private let holding = Locked(Holding())

  init(name: LockName, instance: String, observability: LockObservability) {
    self.name = name
    self.backend = LockBackend(kind: Self.kind, instance: instance)
    self.observer = LockObserver(observability, kind: Self.kind)
    self.channel = SlotChannel(LocalLocks.firstNumber())
  }

  func tryAcquire() -> Lease? {
    self.observer.tryAtOnce(self.name) { self.channel.tryReceive().map(self.lease(after:)) }
  }

  func acquire(within timeout: Duration?) async throws(LockError) -> Lease {
    try await self.observer.acquire(self.name, within: timeout) { () async throws(LockError) in
      if Task.isCancelled { throw .cancelled(self.name) }
      let start = ContinuousClock.now
      switch await self.channel.receive(until: timeout.map { start.advanced(by: $0) }) {
      case .received(let last): return try await self.lease(after: last).unlessCancelled()
      case .timedOut(let ahead): throw .timedOut(self.name, inProcessSince: start, place: ahead + 1)
      case .cancelled: throw .cancelled(self.name)
      }
    }
  }

  private func lease(after last: UInt64) -> Lease {
    let grant = last + 1
    self.holding.withLock { $0.grant = grant }
    return Lease(driver: self, grant: grant, token: FencingToken(major: grant))
  }

  func isHeld(_ grant: UInt64) -> Bool { self.holding.withLock { $0.grant == grant } }

  func onEnding(of grant: UInt64, _ handler: @escaping @Sendable (LeaseEnding) -> Void) -> UInt64? {
    let id = self.holding.withLock { $0.grant == grant ? $0.endingHandlers.add(handler) : nil }
    if id == nil { handler(.released) }
    return id
  }

  func removeEndingHandler(_ id: UInt64, of grant: UInt64) {
    self.holding.withLock { _ = $0.endingHandlers.remove(id) }
  }

  func abandon(_ grant: UInt64) {
    let handlers = self.holding.withLock { holding in
      precondition(holding.grant == grant, "a lease that does not stand was released")
      holding.grant = nil
      return holding.endingHandlers.removeAll()
    }
    for handler in handlers { handler(.released) }
    self.channel.send(grant)
  }
}
