internal import LatchkeyPrimitives

extension ZKSession {
  /// What a request that sets a watch has reserved.
  struct WatchReservation: Sendable {
    let id: UInt64
    let path: PathBudget.Path
    let bytes: Int
    let kind: WatchRegistry<@Sendable (WatchEvent) -> Void>.Kind
  }

  /// Whether a holder may watch its own node. If not, a node that is deleted by hand is noticed late, when it is used next.
  ///
  /// The C client sets all watches of a session again in one request, which must not grow beyond what servers accept.
  package func hasRoomForOwnNodeWatch(on path: String) -> Bool {
    self.state.withLock { $0.budget.hasRoomForOwnNodeWatch(Array(path.utf8)) }
  }

  /// The bytes of the paths that the session's watches have.
  package var watchBytes: Int { self.state.withLock { $0.budget.watchBytes } }

  /// The bytes of the paths that the session's ephemeral nodes have.
  package var ephemeralBytes: Int { self.state.withLock { $0.budget.ephemeralBytes } }

  /// Whether the negotiated timeout is too short for any deadline to be proven.
  package var isTooShortToProve: Bool { self.state.withLock { $0.heartbeat.isTooShort } }

  /// Reserves room for a watch that is about to be set.
  ///
  /// - Returns: nil if the session has too many watches; the watch is then forgotten.
  func reserve(_ id: UInt64, path: String) -> WatchReservation? {
    let path = Array(path.utf8)
    return self.state.withLock { state in
      guard let kind = state.watches.kind(of: id), let bytes = state.budget.reserveWatch(path) else {
        _ = state.watches.remove(id)
        return nil
      }
      return WatchReservation(id: id, path: path, bytes: bytes, kind: kind)
    }
  }

  /// The request that sets a watch has been answered.
  func replied(_ reservation: WatchReservation?, _ code: ZooKeeperCode) {
    guard let reservation else { return }
    self.state.withLock { state in
      state.watches.replied(reservation.id, code: code)
      let tables = reservation.kind.tables(after: code)
      state.budget.settleWatch(reservation.path, reserved: reservation.bytes, tables: tables)
    }
  }

  /// Reserves room for an ephemeral node that is about to be created.
  ///
  /// - Returns: Whether there is room. If not, it is looked whether the nodes that fill it still exist.
  func reserveEphemeral(_ path: String, isSequential: Bool) -> Bool {
    let bytes = Array(path.utf8)
    if self.state.withLock({ $0.budget.reserveEphemeral(bytes, isSequential: isSequential) }) { return true }
    self.auditOwnNodes()
    return false
  }

  /// The request that creates an ephemeral node has been answered.
  func settleEphemeral(_ path: String, isSequential: Bool, created: String?) {
    self.state.withLock { state in
      state.budget.settleEphemeral(
        Array(path.utf8),
        isSequential: isSequential,
        created: created.map { Array($0.utf8) }
      )
    }
  }

  /// A request has shown whether a node exists, and whose it is.
  func learned(_ path: String, owner: Int64?) {
    self.state.withLock { state in
      if let owner {
        if owner != 0, owner == state.id { state.budget.owns(Array(path.utf8)) }
      } else {
        state.budget.deleted(Array(path.utf8))
      }
    }
  }

  /// Others may have deleted nodes of this session, which the servers report to nobody.
  private func auditOwnNodes() {
    let paths = self.state.withLock { state -> [PathBudget.Path]? in
      let now = ContinuousClock.now
      guard !state.isAuditing, state.nextAudit <= now else { return nil }
      state.isAuditing = true
      return Array(state.budget.ownNodes)
    }
    if let paths { self.audit(paths[...]) }
  }

  private func audit(_ paths: ArraySlice<PathBudget.Path>) {
    guard let path = paths.first else { return self.endAudit() }
    // What the answer shows is noted where all answers are.
    self.exists(String(decoding: path, as: UTF8.self)) { result in
      if case .success = result { self.audit(paths.dropFirst()) } else { self.endAudit() }
    }
  }

  private func endAudit() {
    self.state.withLock { state in
      state.isAuditing = false
      state.nextAudit = .now + self.options.auditPause
    }
  }

  static func tooManyWatches(_ operation: String, _ path: String?) -> ZooKeeperError {
    ZooKeeperError(.tooManyWatches, operation: operation, path: path)
  }

  /// Why a request is too large to be sent; nil if it is not. The servers would hang up on it, and with it on all requests that are
  /// under way.
  func refusal(ofSize size: Int, _ operation: String, _ path: String?) -> ZooKeeperError? {
    // What the protocol adds is small.
    guard size > self.options.maximumRequestSize else { return nil }
    return ZooKeeperError(
      .badArguments,
      operation: operation,
      path: path.map { $0.utf8.count > 256 ? "\($0.prefix(256))…" : $0 },
      detail: """
        the request has \(size) bytes, more than the configuration's maximumRequestSize of \
        \(self.options.maximumRequestSize): servers hang up on what is larger than their jute.maxbuffer; send less at once
        """
    )
  }
}

extension [ACL] {
  /// About how many bytes the list has on the wire.
  var wireSize: Int { self.reduce(0) { $0 + 12 + $1.scheme.utf8.count + $1.id.utf8.count } }
}
