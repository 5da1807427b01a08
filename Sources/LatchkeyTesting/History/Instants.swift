package import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

extension ContinuousClock.Instant {
  /// Nanoseconds since the machine's start: the same in all processes, and never set.
  package var sinceStart: UInt64 { UInt64(max(0, ContinuousClock().systemEpoch.duration(to: self).nanoseconds)) }
}

extension Observation {
  /// Looks at a lease now.
  ///
  /// - Parameter ignoringDeadlines: Believes that the lease is held, whatever it says: what a client does that knows of no
  ///   deadline.
  package init(of held: HeldLock, ignoringDeadlines: Bool = false) {
    let first = held.deadline
    self.before = ContinuousClock.now.sinceStart
    self.isHeld = held.isHeld || ignoringDeadlines
    self.after = ContinuousClock.now.sinceStart
    // A deadline may be moved either way in between: the later one is the least that can be held against the answer.
    self.deadline = [first, held.deadline].compactMap { $0?.sinceStart }.max()
  }
}
