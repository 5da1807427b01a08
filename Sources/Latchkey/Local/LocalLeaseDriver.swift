/// The leases of a lock within this process: they have no deadline, cannot be lost, and are released at once.
protocol LocalLeaseDriver: LeaseDriver {}

extension LocalLeaseDriver {
  func token(of grant: UInt64) -> FencingToken? { FencingToken(major: grant) }

  func deadline(of grant: UInt64) -> ContinuousClock.Instant? { nil }

  func canBeLost(_ grant: UInt64) -> Bool { false }

  func isReleased(_ grant: UInt64) -> Bool { !self.isHeld(grant) }

  func extend(_ grant: UInt64) async throws(LockError) {
    throw LockError(
      .notSupported,
      name: self.name,
      message: "an in-process lock has no deadline to extend; it is held until it is released"
    )
  }

  func release(_ grant: UInt64) async throws(LockError) -> PendingRelease? {
    self.abandon(grant)
    return nil
  }

  func releaseAtOnce(_ grant: UInt64) -> Bool {
    self.abandon(grant)
    return true
  }
}

extension Lease {
  /// The lease, for a caller that still wants it: a grant may cross a cancellation, and then no caller would release it.
  consuming func unlessCancelled() async throws(LockError) -> Lease {
    guard Task.isCancelled else { return self }
    let name = self.held.name
    await self.releaseQuietly()
    throw .cancelled(name)
  }
}

extension LockError {
  /// - Parameters:
  ///   - start: When the caller began to wait.
  ///   - place: How many stood before it, the holder included.
  static func timedOut(
    _ name: LockName,
    inProcessSince start: ContinuousClock.Instant,
    place: Int
  ) -> LockError {
    let holder = ContenderDescription.thisProcess(label: nil)
    return .timedOut(name, Wait(holder: holder, place: place, waited: ContinuousClock.now - start))
  }
}
