internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

/// What one worker measures. Times are kept in arrays while the clock matters, and put into histograms now and then.
///
/// An object, so that it takes no room in the frames of a task that waits for its lock: there may be a hundred thousand of them.
final class Samples {
  /// How a worker asks for a lock.
  enum Ask: Sendable {
    /// Takes it only if it is free.
    case once
    /// Waits this long; for ever if nil.
    case wait(Duration?)
  }

  /// What became of an attempt. Times are on ``Uptime``.
  enum Attempt: Sendable {
    /// It had the lock from the answer until it called for the release.
    case granted(from: UInt64, until: UInt64)
    /// Somebody else had the lock, and had it for as long as the worker may wait.
    case busy(asked: UInt64, answered: UInt64)
    case cancelled
    case failed
  }

  private(set) var tally = Tally()
  private var latencies: [UInt64] = []
  private var holds: [UInt64] = []

  func start() { self.tally.start = Uptime.nanoseconds }

  func end() { self.tally.end = Uptime.nanoseconds }

  /// Whether it is time to put the times into histograms.
  var isFull: Bool { self.holds.count >= 4096 || self.latencies.count >= 4096 }

  /// Asks for a lock once, does something under it, and gives it back.
  ///
  /// - Parameters:
  ///   - ask: Whether to wait.
  ///   - lock: The lock.
  ///   - body: Adds to what the lock protects; false if the lease was lost before the addition could be written.
  func attempt(
    _ ask: Ask,
    for lock: any DistributedLock,
    _ body: (HeldLock) async -> Bool
  ) async -> Attempt {
    let asked = Uptime.nanoseconds
    do throws(LockError) {
      guard let lease = try await Self.lease(of: lock, ask) else {
        self.tally.failedTries += 1
        return .busy(asked: asked, answered: Uptime.nanoseconds)
      }
      return try await self.hold(lease, since: asked, body)
    } catch  where error.code == .cancelled {
      return .cancelled
    } catch {
      self.tally.note(error: error)
      return .failed
    }
  }

  /// Does something under a lease, and gives it back. Apart from the wait, whose frame is to stay small.
  private func hold(
    _ lease: consuming Lease,
    since asked: UInt64,
    _ body: (HeldLock) async -> Bool
  ) async throws(LockError) -> Attempt {
    let granted = Uptime.nanoseconds
    self.tally.acquisitions += 1
    if lease.held.token != nil { self.tally.grantsHadTokens = true }
    let kept = await body(lease.held)
    let done = Uptime.nanoseconds
    if kept { self.tally.additions += 1 } else { self.tally.lostLeases += 1 }
    self.latencies.append(granted - asked)
    self.holds.append(done - granted)
    do throws(LockError) {
      try await lease.release()
    } catch  where error.code == .lockLost {
      if kept { self.tally.lostLeases += 1 }
    }
    return .granted(from: granted, until: done)
  }

  /// Notes an addition that was made without any lock.
  func noteAddition(hold: UInt64) {
    self.latencies.append(0)
    self.holds.append(hold)
    self.tally.acquisitions += 1
    self.tally.additions += 1
  }

  /// Notes how long an answer took that was no grant.
  func note(latency: UInt64) { self.latencies.append(latency) }

  func note(error: any Error) { self.tally.note(error: error) }

  /// Adds what was measured to the total, and goes on from nothing.
  func flush(into total: borrowing Locked<Tally>) {
    let (tally, latencies, holds) = (self.tally, self.latencies, self.holds)
    total.withLock { total in
      total.add(tally)
      for latency in latencies { total.latency.record(latency) }
      for hold in holds { total.hold.record(hold) }
    }
    self.tally = Tally()
    self.tally.start = tally.start
    self.latencies.removeAll(keepingCapacity: true)
    self.holds.removeAll(keepingCapacity: true)
  }

  /// Nil: somebody else has the lock, and had it for as long as the worker may wait.
  private static func lease(of lock: any DistributedLock, _ ask: Ask) async throws(LockError) -> Lease? {
    guard case .wait(let timeout) = ask else { return try await lock.tryAcquire() }
    do {
      return try await lock.acquire(within: timeout)
    } catch  where error.code == .timedOut {
      return nil
    }
  }
}

/// The tally that the workers of a process fill together.
final class SharedTally: Sendable {
  let value = Locked(Tally())

  var sum: Tally { self.value.withLock { $0 } }
}
