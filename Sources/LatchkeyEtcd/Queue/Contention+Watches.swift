#if Etcd
internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Logging

/// The watches of a queue: on the predecessor, and on our own key.
extension Contention where Backend == KeyQueueBackend {
  func watchPredecessor(_ attempt: UInt64, _ key: [UInt8], asOf revision: Int64) {
    self.watch(key, \.predecessorWatch, asOf: revision, while: { $0.watches(attempt, key) }) { event in
      switch event {
      case .set(let isGapless):
        self.handle(.predecessorWatched(attempt: attempt, key: key, isGapless: isGapless))
      case .happened: self.handle(.predecessorGone(attempt: attempt, key: key))
      case .refused(let error): self.refused(attempt, error)
      }
    }
  }

  func watchOwn(_ node: KeyQueueNode, asOf revision: Int64, attempt: UInt64?) {
    self.watch(node.key, \.ownWatch, asOf: revision, while: { $0.owns(node) }) { event in
      switch event {
      case .set(let isGapless): self.handle(.ownWatched(node, isGapless: isGapless))
      case .happened: self.handle(.ownGone(node))
      case .refused(let error):
        self.warnOfUnwatched(node, error)
        if let attempt { self.refused(attempt, error) }
      }
    }
  }

  /// Whoever holds the lock keeps it: its term protects it, and that its key is gone is found by the slow re-check
  /// (``recheck()``, every `recheckInterval`), which reads the key whether or not it is watched. Told once for a lease: a watch that
  /// was refused is not asked for again.
  private func warnOfUnwatched(_ node: KeyQueueNode, _ error: EtcdError) {
    guard error.code != .closed, self.holds(node) else { return }
    self.logger.warning(
      "the key of a lease cannot be watched: that somebody deletes it is noticed by a slow re-check only",
      metadata: .lock(self.name, self.backend).and(["error": "\(error)"])
    )
  }

  /// A lock that is held for a moment only needs no watch.
  private static var lateWatch: Duration { .milliseconds(150) }

  func watchOwnLater(_ node: KeyQueueNode) {
    // One that is set already costs nothing.
    if self.withLocal({ $1.ownWatch?.key == node.key }) {
      return self.watchOwn(node, asOf: node.revision, attempt: nil)
    }
    let late = self.shell.client.timers.set(after: Self.lateWatch) {
      self.watchOwn(node, asOf: node.revision, attempt: nil)
    }
    let isStale = self.withLocal { machine, local -> Bool in
      guard machine.owns(node) else { return true }
      local.lateWatch = late
      return false
    }
    if isStale { self.shell.client.timers.cancel(late) }
  }

  /// Takes a watch that was left into use, or has another set.
  private func watch(
    _ key: [UInt8],
    _ which: any WritableKeyPath<KeyQueueBackend.Local, KeyWatch?> & Sendable,
    asOf revision: Int64,
    while isWanted: (KeyQueue) -> Bool,
    _ handler: @escaping @Sendable (Watches.Event) -> Void
  ) {
    // The handler is put in place under the lock under which it is taken away: nobody finds it between the two.
    let left = self.withLocal { machine, local -> Watches.Resumption in
      guard let watch = local[keyPath: which], watch.key == key, isWanted(machine) else { return .gone }
      let left = self.shell.client.watches.resume(watch.id, asOf: revision, handler)
      if case .resumed = left { local[keyPath: which]?.parking = nil }
      return left
    }
    if case .resumed(let news) = left {
      if let news { handler(news) }
      return
    }
    let id = self.shell.client.watches.add(.deletion(key), asOf: revision, handler)
    let stale = self.withLocal { machine, local -> WatchTable.ID? in
      guard isWanted(machine) else { return id }
      defer { local[keyPath: which] = KeyWatch(key: key, id: id) }
      return local[keyPath: which]?.id
    }
    if let stale { self.shell.client.watches.remove(stale) }
  }

  /// Gives a watch that was left up in a moment, if it has not come into use again by then.
  func giveUpLater(_ watch: KeyWatch) {
    self.shell.client.timers.set(after: Self.lateWatch) {
      let isUnused = self.withLocal { _, local -> Bool in
        for which in [\KeyQueueBackend.Local.predecessorWatch, \.ownWatch] where local[keyPath: which]?.id == watch.id {
          guard local[keyPath: which]?.parking == watch.parking else { return false }
          local[keyPath: which] = nil
          return true
        }
        return false
      }
      if isUnused { self.shell.client.watches.remove(watch.id) }
    }
  }

  private func refused(_ attempt: UInt64, _ error: EtcdError) {
    self.handle(.watchRefused(attempt: attempt, LockFailure(LockError(self.name, error))))
  }
}
#endif
