internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import Synchronization
internal import ZooKeeper

extension Contention where Backend == NodeQueueBackend {
  /// Sends what the machine asks for; the reply comes back as an event.
  func send(_ request: NodeQueueRequest, _ current: ZKSession?) {
    switch request {
    case .enter(let attempt, let identifier, let rule, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.entered(attempt: attempt, create: .failure(.sessionOver), view: .failure(.sessionOver)))
      }
      self.enter(attempt, identifier, rule, session)
    case .makeDirectory(let attempt, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.directoryMade(attempt: attempt, .failure(.sessionOver)))
      }
      session.createContainers(self.shell.directory, acl: self.shell.acl) { code in
        self.handle(.directoryMade(attempt: attempt, self.shell.made(self.shell.directory, code)))
      }
    case .list(let attempt, let own, let identifier, let rule, let sync, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.listed(attempt: attempt, .failure(.sessionOver)))
      }
      session.scan(
        directory: self.shell.directory,
        own: own,
        matchPrefix: self.shell.markPrefix,
        markers: rule.markers,
        sync: sync
      ) { result in
        self.handle(.listed(attempt: attempt, self.view(result, identifier)))
      }
    case .inspect(let attempt, let name, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.inspected(attempt: attempt, .failure(.sessionOver)))
      }
      self.inspect(name, session) { self.handle(.inspected(attempt: attempt, $0)) }
    case .lookAtStranger(let name, let session):
      guard let session = self.session(session, current) else { return }
      self.inspect(name, session) { result in
        if case .success(_?) = result { self.shell.logStranger(self.shell.path(name)) }
        self.handle(.strangerSeen(name, session: session.generation, result))
      }
    case .order(let attempt, let names, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.ordered(attempt: attempt, .failure(.sessionOver)))
      }
      self.order(attempt, names, session)
    case .watchBlocker(let attempt, let name, let session):
      guard let session = self.session(session, current) else {
        return self.handle(.blockerWatched(attempt: attempt, name: name, .failure(.sessionOver)))
      }
      let watch = session.watchDeletion(of: self.shell.path(name)) {
        self.handle(.blockerGone(attempt: attempt, name: name))
      } _: { code in
        self.handle(.blockerWatched(attempt: attempt, name: name, self.result(code)))
      }
      let isStale = self.withLocal { machine, local -> Bool in
        guard machine.watchesBlocker(attempt, name) else { return true }
        local.blockerWatch = WatchRegistration(id: watch, session: session)
        return false
      }
      if isStale { session.removeWatch(watch) }
    case .watchOwn(let node, let number):
      guard let session = self.session(node.session, current) else { return }
      self.watchOwn(node, number, session)
    case .watchOwnLater(let node, let number):
      guard let session = self.session(node.session, current) else { return }
      let hook = session.onNextHeartbeat {
        // With very many locks held, the room is left to those who wait.
        if session.hasRoomForOwnNodeWatch(on: self.shell.path(node.name)) { self.watchOwn(node, number, session) }
      }
      let isStale = self.withLocal { machine, local -> Bool in
        guard machine.owns(node) else { return true }
        local.heartbeatHooks[node] = WatchRegistration(id: hook, session: session)
        return false
      }
      if isStale { session.cancelHeartbeatHook(hook) }
    case .awaitLiveTerm(let session):
      guard let session = self.session(session, current) else { return }
      self.awaitLiveTerm(of: session)
    case .behind(let place):
      guard let first = place.first, let session = current else { return }
      self.describeHolder(first, session)
    case .delete(let node):
      guard let session = self.session(node.session, current) else {
        return self.handle(.deleted(node, .failure(.sessionOver)))
      }
      session.delete(self.shell.path(node.name)) { code in
        let outcome = self.shell.releaseOutcome(of: code, self.shell.path(node.name))
        self.handle(.deleted(node, self.result(code)), settling: node, as: outcome)
      }
    case .search(let identifier, let session):
      guard let session = self.session(session, current) else { return }
      session.scan(
        directory: self.shell.directory,
        own: nil,
        matchPrefix: self.shell.markPrefix,
        markers: .none,
        sync: true
      ) { result in
        self.handle(.searched(identifier: identifier, session: session.generation, self.view(result, identifier)))
      }
    case .pause(let pause):
      self.wait(before: pause)
    case .warnAboutWrap:
      self.shell.client.configuration.logger.warning(
        "sequence numbers in the lock's directory have wrapped: contenders are ordered by creation, which costs a read each",
        metadata: .lock(self.name, self.backend).and(["zookeeper.path": "\(self.shell.directory)"])
      )
    case .convert(let node, let standing, let rule):
      guard let session = self.session(node.session, current) else {
        return self.handle(.formed(node, .failure(.sessionOver)))
      }
      self.replace(node, standing, rule, session)
    case .findForm(let node, let standing, let identifier, let rule):
      guard let session = self.session(node.session, current) else {
        return self.handle(.formed(node, .failure(.sessionOver)))
      }
      self.findForm(of: node, standing, identifier, rule, session)
    case .forgetWatches, .forgetOwnWatch: preconditionFailure("done under the lock")
    }
  }

  private func enter(_ attempt: UInt64, _ identifier: String, _ rule: GrantRule, _ session: ZKSession) {
    if let error = self.shell.tooShort(session) {
      let failure = NodeQueueFailure.permanent(LockFailure(error))
      return self.handle(.entered(attempt: attempt, create: .failure(failure), view: .failure(failure)))
    }
    session.createAndScan(
      directory: self.shell.directory,
      prefix: self.shell.path(ContenderIdentity.prefix(identifier, marker: rule.ownMarker)),
      data: self.shell.data,
      acl: self.shell.acl,
      matchPrefix: self.shell.markPrefix,
      markers: rule.markers
    ) { reply in
      let node = self.reduced(reply.create).map { created in
        NodeQueueNode(name: created.name, czxid: created.czxid, session: session.generation)
      }
      // A list counts only if our node was made before it.
      let view: Result<NodeQueueView, NodeQueueFailure> =
        if case .failure(let failure) = node { .failure(failure) } else { self.view(reply.scan, identifier) }
      self.handle(.entered(attempt: attempt, create: node, view: view))
    }
  }

  private func inspect(
    _ name: String,
    _ session: ZKSession,
    _ done: @escaping @Sendable (Result<NodeQueueNode?, NodeQueueFailure>) -> Void
  ) {
    session.exists(self.shell.path(name)) { result in
      done(
        self.reduced(result).map { stat in
          stat.flatMap { stat in
            stat.ephemeralOwner == session.id
              ? NodeQueueNode(name: name, czxid: stat.createdBy, session: session.generation) : nil
          }
        }
      )
    }
  }

  private func watchOwn(_ node: NodeQueueNode, _ number: UInt64, _ session: ZKSession) {
    let watch = session.watchDeletion(of: self.shell.path(node.name)) {
      self.handle(.ownGone(node))
    } _: { code in
      self.handle(.ownWatched(node, watch: number, self.result(code)))
    }
    let isStale = self.withLocal { machine, local -> Bool in
      guard machine.owns(node) else { return true }
      local.heartbeatHooks[node] = nil
      local.ownWatches[node] = WatchRegistration(id: watch, session: session)
      return false
    }
    if isStale { session.removeWatch(watch) }
  }

  private func wait(before pause: NodeQueuePause) {
    let refusals = self.withLocal { _, local -> Int in
      local.refusals += 1
      return local.refusals
    }
    self.wait(refusals, then: .pauseOver(pause))
  }

  /// Reads the creation transactions of all contenders in one flight; names no longer tell their order.
  private func order(_ attempt: UInt64, _ names: [String], _ session: ZKSession) {
    let collector = OrderCollector(names.count)
    for name in names {
      session.exists(self.shell.path(name)) { result in
        let reduced = self.reduced(result)
        let done = collector.state.withLock { collected -> Result<[NodeQueueNode], NodeQueueFailure>? in
          switch reduced {
          case .success(let stat?):
            collected.nodes.append(NodeQueueNode(name: name, czxid: stat.createdBy, session: session.generation))
          case .success(nil): break
          case .failure(let failure): collected.failure = failure
          }
          collected.outstanding -= 1
          guard collected.outstanding == 0 else { return nil }
          if let failure = collected.failure { return .failure(failure) }
          return .success(collected.nodes.sorted { $0.czxid < $1.czxid })
        }
        if let done { self.handle(.ordered(attempt: attempt, done)) }
      }
    }
  }

  // MARK: Results

  func reduced<T>(_ result: Result<T, ZooKeeperError>) -> Result<T, NodeQueueFailure> { self.shell.reduced(result) }

  private func result(_ code: ZooKeeperCode) -> Result<Void, NodeQueueFailure> {
    self.shell.result(code, about: self.shell.directory)
  }

  private func view(
    _ result: Result<SequenceScan, ZooKeeperError>,
    _ identifier: String
  ) -> Result<NodeQueueView, NodeQueueFailure> {
    self.reduced(result).map { scan in
      let attempt = ContenderIdentity.searchPrefix(identifier)
      return NodeQueueView(
        ownIndex: scan.ownIndex,
        blockers: scan.blockers,
        blocker: scan.nearest,
        marker: scan.nearestMarker,
        first: scan.first,
        foreign: scan.foreign,
        count: scan.count,
        // One identifier, so the names differ by their numbers alone, and those have one length.
        matches: scan.matches.filter { $0.hasPrefix(attempt) }.sorted(),
        ours: scan.matches,
        unordered: scan.wraps ? scan.nodes : nil
      )
    }
  }
}

/// The answers to a read of several nodes.
private final class OrderCollector: Sendable {
  struct Collected {
    var nodes: [NodeQueueNode] = []
    var outstanding: Int
    var failure: NodeQueueFailure?
  }

  let state: Locked<Collected>

  init(_ count: Int) { self.state = Locked(Collected(outstanding: count)) }
}
