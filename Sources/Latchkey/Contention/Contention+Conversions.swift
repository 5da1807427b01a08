public import LatchkeyPrimitives

/// Claims that are exchanged for claims of another kind, while their lease is held.
extension Contention {
  /// What became of a claim that was to be exchanged: the lease of the new one; nil if the old one stands as before.
  @usableFromInline
  typealias PendingConversion = OneShot<Result<ClaimLease?, LockError>>

  private enum Beginning {
    /// The claim has other leases, which would change with it.
    case shared
    case over
    case begun(Work)
  }

  /// Exchanges the claim of a lease. Cancellation does not cut that short; the loss of the lease does.
  ///
  /// - Parameters:
  ///   - lease: The lease of a caller that does nothing else with it meanwhile.
  ///   - step: What the machine is asked for. It answers with ``ContentionAction/converted(_:into:)`` or
  ///     ``ContentionAction/unconverted(_:_:)``, unless the claim is lost before.
  /// - Returns: The lease of the new claim; nil if others are in the way, and the lease stands as before.
  /// - Throws: `lockLost`, or why the exchange failed. The lease is still to be released.
  package func convert(
    _ lease: ClaimLease,
    _ step: (inout Machine, Machine.Context) -> [ContentionAction<Machine>]
  ) async throws(LockError) -> ClaimLease? {
    try lease.ensureHeld()
    let (claim, pending) = (lease.node, PendingConversion())
    let beginning = self.state.withLock { state -> Beginning in
      guard let leases = state.leases[claim], leases.contains(where: { $0 === lease }) else { return .over }
      guard leases.count == 1, state.conversions[claim] == nil else { return .shared }
      state.conversions[claim] = pending
      return .begun(self.run(&state, step))
    }
    switch beginning {
    case .shared: return nil
    case .over: throw .lost(self.name, because: self.shell.lossOfClaim)
    case .begun(let work): self.perform(work)
    }
    let handler = lease.onEnding(of: lease.grant) { ending in
      guard case .lost(let loss) = ending else { return }
      let work = self.state.withLock { state -> Work? in
        // A claim that has been exchanged is answered for by that.
        guard state.conversions[claim] === pending else { return nil }
        state.conversions[claim] = nil
        return state.remove(lease) == true ? self.giveBackClaim(of: lease, &state) : Work()
      }
      guard let work else { return }
      pending.resolve(.failure(loss))
      self.perform(work)
    }
    let outcome = await pending.value
    if let handler { lease.removeEndingHandler(handler, of: lease.grant) }
    let new = try outcome.get()
    do throws(LockError) {
      try new?.ensureHeld()
    } catch {
      if let new { new.abandon(new.grant) }
      throw error
    }
    return new
  }

  /// The claim of a lease was exchanged.
  @usableFromInline
  func convert(_ old: Machine.Claim, into new: Machine.Claim, _ state: inout State, _ steps: inout [Step]) {
    guard let leases = state.leases.removeValue(forKey: old) else {
      preconditionFailure("a claim was exchanged that has no lease")
    }
    let lease = self.makeLease(of: new, self.shell.terms(of: new, &state.local), &state, &steps)
    steps += leases.map { .end($0) }
    guard let pending = state.conversions.removeValue(forKey: old) else { return }
    steps.append(.settleConversion(pending, .success(lease)))
  }
}
