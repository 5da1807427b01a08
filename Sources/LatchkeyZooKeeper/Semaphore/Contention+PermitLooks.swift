internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

// What a semaphore's contender looks at: the permits and the limit.
extension Contention where Backend == SemaphoreBackend {
  /// Lists the permits, and watches them.
  func listWatching(
    _ attempt: UInt64,
    _ session: ZKSession,
    _ done: @escaping @Sendable (Result<[String], NodeQueueFailure>) -> Void
  ) {
    let watch = session.children(self.shell.path.leases) { event in
      if event != .sessionEnded { self.handle(.leasesChanged(attempt: attempt)) }
    } _: { result in
      done(self.leases(result))
    }
    self.keep(WatchRegistration(id: watch, session: session), attempt) { local, watch in
      defer { local.leasesWatch = watch }
      return local.leasesWatch
    }
  }

  /// The names in a list of permits. What is no permit counts as one all the same, so it is said once who lies there.
  func leases(_ result: Result<([String], Stat), ZooKeeperError>) -> Result<[String], NodeQueueFailure> {
    let leases = self.shell.reduced(result).map { $0.0 }
    guard case .success(let names) = leases, let stranger = names.first(where: { !SemaphoreMachine.isPermit($0) })
    else { return leases }
    let isNew = self.withLocal { _, local -> Bool in
      defer { local.hasWarned = true }
      return !local.hasWarned
    }
    if isNew {
      self.logger.warning(
        "a node among the permits of a semaphore is no permit; it counts as one that is taken, as it does for Curator",
        metadata: .lock(self.name, self.backend).and(["zookeeper.path": "\(self.shell.path(stranger))"])
      )
    }
    return leases
  }

  func readLimit(
    _ attempt: UInt64,
    watching: Bool,
    _ session: ZKSession,
    _ done: @escaping @Sendable (Result<LimitReading, NodeQueueFailure>) -> Void
  ) {
    guard let path = self.shell.path.limit else { preconditionFailure("nobody reads a fixed limit") }
    let answered = { @Sendable (result: Result<([UInt8], Stat), ZooKeeperError>) in
      switch result {
      case .failure(let error) where error.code == .noNode: done(.success(.missing))
      case .failure(let error): done(.failure(NodeQueueFailure(self.name, error)))
      case .success((let data, _)):
        guard let limit = SharedLimit.decode(data) else {
          return done(.failure(.permanent(LockFailure(self.shell.noLimit(at: path)))))
        }
        done(.success(.value(limit)))
      }
    }
    guard watching else { return session.get(path, answered) }
    let watch = session.get(
      path,
      onEvent: { event in
        if event != .sessionEnded { self.handle(.limitChanged(attempt: attempt)) }
      },
      answered
    )
    self.keep(WatchRegistration(id: watch, session: session), attempt) { local, watch in
      defer { local.limitWatch = watch }
      return local.limitWatch
    }
  }

  /// Keeps a watch until it is forgotten, or another takes its place.
  private func keep(
    _ watch: WatchRegistration,
    _ attempt: UInt64,
    _ exchange: (inout SemaphoreBackend.Local, WatchRegistration) -> WatchRegistration?
  ) {
    let stale = self.withLocal { machine, local in machine.watches(attempt) ? exchange(&local, watch) : watch }
    if let stale { stale.session.removeWatch(stale.id) }
  }

  // MARK: The place

  /// Makes the directory of the permits, and the limit's node where it is missing; the queue makes its own.
  func makePlace(_ session: ZKSession, _ done: @escaping @Sendable (Result<Void, NodeQueueFailure>) -> Void) {
    let leases = self.shell.path.leases
    session.createContainers(leases, acl: self.shell.acl) { code in
      guard case .shared(let seed, _) = self.shell.limit, let path = self.shell.path.limit, code == .ok else {
        return done(self.shell.made(leases, code))
      }
      self.shell.makeLimit(path, seed, session, done)
    }
  }
}
