internal import Latchkey
internal import Synchronization

/// What one lock protects: a counter that is read and written apart, so that only the lock keeps additions from being lost, and
/// the newest token.
final class Section: Sendable {
  private let counter = Atomic<UInt64>(0)
  private let tokenMajor = Atomic<UInt64>(0)
  private let tokenMinor = Atomic<UInt64>(0)
  private let outOfOrder = Atomic<Int>(0)

  /// Adds one. Call it under the lock.
  ///
  /// - Returns: False if the lease was lost before the addition could be written.
  func visit(_ held: HeldLock) -> Bool {
    let value = self.counter.load(ordering: .relaxed)
    guard held.isHeld else { return false }
    if let token = held.token { self.note(token) }
    self.counter.store(value + 1, ordering: .relaxed)
    return true
  }

  var count: Int { Int(self.counter.load(ordering: .relaxed)) }

  /// How many tokens were not greater than the one before.
  var tokensOutOfOrder: Int { self.outOfOrder.load(ordering: .relaxed) }

  private func note(_ token: FencingToken) {
    let last = FencingToken(
      major: self.tokenMajor.load(ordering: .relaxed),
      minor: self.tokenMinor.load(ordering: .relaxed)
    )
    if token <= last { self.outOfOrder.add(1, ordering: .relaxed) }
    self.tokenMajor.store(token.major, ordering: .relaxed)
    self.tokenMinor.store(token.minor, ordering: .relaxed)
  }
}
