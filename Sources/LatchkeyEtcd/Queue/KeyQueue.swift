#if Etcd
package import Latchkey

/// How one client stands in the queue of one etcd lock.
///
/// Pure: events in, actions out, no I/O, no clock. At most one key of the client is in the queue at a time, for the first
/// caller in its local line; a caller that gives up leaves the key to the next one. What has been abandoned is kept apart in
/// ``KeyQueueLitter`` and seen to in the background.
///
/// The queue is that of etcd's `clientv3/concurrency`: keys below one prefix, in the order of their create revisions. Unlike
/// there, a waiter watches from now on and reads once more when the watch is set, since a watch from a past revision is
/// served by the server's catch-up loop, ten times a second; and it watches its own key beside the predecessor's.
package struct KeyQueue: ContentionMachine {
  /// The rules that make the queue safe and live, each for itself: tests break one at a time and see that it is missed.
  package struct Rules: Sendable {
    /// Behind more than one contender, a predecessor that goes makes us read again: it may have given up.
    package var readsBehindSeveral = true
    /// What was deleted before a watch was set is found by a read.
    package var readsOnceWatched = true
    /// A key of ours that is gone is never granted, and a grant without its key is lost.
    package var heedsOwnDeletion = true
    /// Nothing is granted unless the session is proven to live.
    package var needsLiveTerm = true
    /// What an abandoned attempt has left is deleted.
    package var cleansUpAfterAbandonedEntries = true
    /// What an attempt may have written that was answered with an error is deleted.
    package var cleansUpAfterFailedEntries = true
    /// A key whose request may be carried out once more is deleted once more, and is not used again.
    package var sweepsDoubtfulKeys = true
    /// A key is used again only when it is known to be gone.
    package var sparesOccupiedSlots = true
    /// A try that comes while an attempt to enter is on its way is not answered by it: the lock may have been released since.
    package var asksForNewcomers = true
    /// An event that was lost is made up for.
    package var rechecks = true
    /// A release whose session ends is over: the key goes with the session.
    package var settlesReleasesWithSession = true

    package init() {}
  }

  /// One attempt to get a key into the queue and to the front of it.
  struct Attempt: Sendable {
    let number: UInt64
    let session: UInt64
    let slot: UInt64
    let onlyIfEmpty: Bool
    var isOwnWatchAsked = false
    var isOwnWatched = false
    /// The predecessor whose watch is asked for.
    var watched: [UInt8]?
    var isPredecessorWatched = false
    /// Whether something may have happened between the last read and the setting of a watch.
    var mustRead = false

    var isWatching: Bool { self.isOwnWatched && self.isPredecessorWatched }
  }

  enum Phase: Sendable {
    case idle
    /// Wanted, but there is no session.
    case needSession
    case entering(Attempt)
    case watching(Attempt, KeyQueueNode, KeyQueueView)
    /// A read of our place is under way; `again` if something happened meanwhile that it may have missed.
    case checking(Attempt, KeyQueueNode, KeyQueueView, again: Bool)
    /// First in the queue, but the session is not proven to live: it will be over soon.
    case ripe(Attempt, KeyQueueNode)
    case held(KeyQueueNode, isOwnWatched: Bool)
  }

  var phase = Phase.idle
  var litter: KeyQueueLitter
  package var demand = Demand()
  var session: UInt64?
  var nextAttempt: UInt64 = 1
  let rules: Rules

  /// - Parameters:
  ///   - session: The session to contend in, if there is one.
  ///   - sweeps: After how many sweeps that find nothing a request without an answer counts as lost.
  ///   - rules: The rules to keep.
  package init(session: UInt64?, sweeps: Int = 20, rules: Rules = Rules()) {
    self.session = session
    self.litter = KeyQueueLitter(sweeps: sweeps)
    self.rules = rules
  }

  /// Whether nothing is wanted, held or left to clean up.
  package var isIdle: Bool {
    if case .idle = self.phase { return self.litter.isEmpty && !self.demand.isAny }
    return false
  }

  package var isFree: Bool { if case .idle = self.phase { true } else { false } }

  /// Whether the lock's state at the servers is known, as far as what was asked has been answered.
  package var isAnswered: Bool {
    switch self.phase {
    case .needSession, .entering, .ripe: false
    case .idle, .watching, .checking, .held: true
    }
  }

  /// Where our key stands, as far as it is known.
  package var standing: KeyQueueView? {
    switch self.phase {
    case .watching(_, _, let view), .checking(_, _, let view, _): view
    default: nil
    }
  }

  package static func isQuestion(_ request: KeyQueueRequest) -> Bool {
    if case .enter = request { true } else { false }
  }

  /// Whether the attempt still waits behind this predecessor.
  package func watches(_ number: UInt64, _ key: [UInt8]) -> Bool {
    self.attempt?.number == number && self.attempt?.watched == key
  }

  /// Whether the key is the one that we hold or wait with.
  package func owns(_ node: KeyQueueNode) -> Bool {
    switch self.phase {
    case .held(node, _), .watching(_, node, _), .checking(_, node, _, _), .ripe(_, node): true
    default: false
    }
  }

  // MARK: Events

  /// - Parameter termIsLive: Whether the session's deadline lies ahead at this moment: nothing is granted without.
  package mutating func handle(_ event: KeyQueueEvent, _ termIsLive: Bool) -> [KeyQueueAction] {
    switch event {
    case .sessionBegan(let session):
      self.session = session
      if case .needSession = self.phase { return self.startIfWanted() }
      return []
    case .sessionEnded(let session): return self.sessionEnded(session)
    case .closed(let failure): return self.closed(failure)
    case .entered(let number, let result, let node, let copies):
      return self.entered(number, result, node, copies: copies, termIsLive: termIsLive)
    case .checked(let number, let result): return self.checked(number, result, termIsLive: termIsLive)
    case .predecessorWatched(let number, let key, let isGapless):
      return self.predecessorWatched(number, key, isGapless: isGapless)
    case .predecessorGone(let number, let key): return self.predecessorGone(number, key, termIsLive: termIsLive)
    case .ownWatched(let node, let isGapless): return self.ownWatched(node, isGapless: isGapless)
    case .ownGone(let node): return self.ownGone(node)
    case .watchRefused(let number, let failure):
      guard let attempt = self.attempt, attempt.number == number, let node = self.node else { return [] }
      return self.giveUp(node, failure)
    case .confirmed(let node, let exists): return exists ? [] : self.ownGone(node)
    case .deleteDelayed(let node): return self.litter.contains(node) ? [.releaseSettled(node, isConfirmed: false)] : []
    case .deleted(let node, let isGone, let wasThere):
      return self.litter.deleted(node, isGone: isGone, wasThere: wasThere)
    case .recheck: return self.recheck()
    }
  }

  package mutating func demandChanged(_ termIsLive: Bool) -> [KeyQueueAction] {
    guard self.demand.isAny else { return self.abandon() }
    switch self.phase {
    case .idle: return self.start()
    // A key that already waits for others cannot serve a caller that would not wait.
    case .watching(_, let node, let view), .checking(_, let node, let view, _): return self.dismissTries(view, node)
    // Another caller of this process holds it.
    case .held: return self.turnAway(KeyQueueView(ahead: 1))
    case .needSession, .entering, .ripe: return []
    }
  }

  package mutating func released(_ node: KeyQueueNode, _ termIsLive: Bool) -> [KeyQueueAction] {
    guard case .held(node, _) = self.phase else { return [] }
    self.phase = .idle
    return [.send(.forgetWatches)] + self.litter.delete(node) + self.startIfWanted()
  }

  private mutating func sessionEnded(_ session: UInt64) -> [KeyQueueAction] {
    if self.session == session { self.session = nil }
    let over = self.litter.sessionEnded(session)
    let settled = self.rules.settlesReleasesWithSession ? over : []
    switch self.phase {
    case .held(let node, _) where node.session == session:
      self.phase = .idle
      return settled + [.send(.forgetWatches), .lose(node)] + self.startIfWanted()
    default:
      guard self.attempt?.session == session else { return settled }
      return settled + self.restart()
    }
  }

  private mutating func closed(_ failure: LockFailure) -> [KeyQueueAction] {
    self.session = nil
    var actions = self.litter.clear()
    if case .held(let node, _) = self.phase { actions.append(.lose(node)) }
    self.phase = .idle
    return actions + [.send(.forgetWatches)] + self.failAll(failure)
  }

  private mutating func entered(
    _ number: UInt64,
    _ result: Result<KeyQueueEntry, KeyQueueFailure>,
    _ node: KeyQueueNode?,
    copies: Int,
    termIsLive: Bool
  ) -> [KeyQueueAction] {
    // When the session is over, no copy can create anything any more.
    if let node, copies > 0, node.session == self.session, self.rules.sweepsDoubtfulKeys {
      self.litter.doubt(node, copies: copies)
    }
    let written = self.rules.cleansUpAfterFailedEntries ? node : nil
    guard case .entering(let attempt) = self.phase, attempt.number == number else {
      return self.litter.lateEntry(number, result, written: written)
    }
    switch result {
    case .success(.entered(let node, let view)): return self.placed(attempt, node, view, termIsLive: termIsLive)
    case .success(.busy(let view)):
      self.phase = .idle
      // Waiting callers have joined after the request was sent.
      return self.answerAfterEntry(view) + self.startIfWanted()
    case .success(.gone): return self.restart()
    case .failure(.sessionOver): return self.sessionOver()
    case .failure(.rejected(let failure)):
      self.phase = .idle
      return self.failAll(failure)
    case .failure(.failed(let failure)):
      self.phase = .idle
      return (written.map { self.litter.delete($0) } ?? []) + self.failAll(failure)
    }
  }

  private mutating func checked(
    _ number: UInt64,
    _ result: Result<KeyQueueCheck, KeyQueueFailure>,
    termIsLive: Bool
  ) -> [KeyQueueAction] {
    guard case .checking(let attempt, let node, let before, let again) = self.phase, attempt.number == number
    else { return [] }
    switch result {
    case .success(.gone):
      return self.rules.heedsOwnDeletion ? self.restart() : self.ripen(attempt, node, termIsLive: termIsLive)
    case .success(.standing(var view)):
      // Where the read does not tell, it is at most the place that we had: nobody comes before us any more.
      if view.predecessor != nil, view.ahead == nil { view.ahead = before.ahead }
      if again, view.predecessor != nil, view.predecessor == attempt.watched { return self.check(attempt, node, view) }
      let actions = self.placed(attempt, node, view, termIsLive: termIsLive)
      // Our own watch may have been set after this read, and our key deleted in between.
      if again, self.rules.readsOnceWatched, case .held = self.phase { return actions + [.send(.confirm(node))] }
      return actions
    case .failure(.sessionOver): return self.sessionOver()
    case .failure(.rejected(let failure)), .failure(.failed(let failure)): return self.giveUp(node, failure)
    }
  }

  private mutating func predecessorWatched(_ number: UInt64, _ key: [UInt8], isGapless: Bool) -> [KeyQueueAction] {
    self.watchSet(number, isGapless: isGapless) { attempt in
      guard attempt.watched == key else { return false }
      attempt.isPredecessorWatched = true
      return true
    }
  }

  private mutating func ownWatched(_ node: KeyQueueNode, isGapless: Bool) -> [KeyQueueAction] {
    if case .held(node, _) = self.phase {
      self.phase = .held(node, isOwnWatched: true)
      return isGapless ? [] : [.send(.confirm(node))]
    }
    guard self.node == node, let number = self.attempt?.number else { return [] }
    return self.watchSet(number, isGapless: isGapless) { attempt in
      attempt.isOwnWatched = true
      return true
    }
  }

  /// A watch is set, for the first time or again on another stream: what happened in a gap before, a read must find.
  private mutating func watchSet(
    _ number: UInt64,
    isGapless: Bool,
    _ note: (inout Attempt) -> Bool
  ) -> [KeyQueueAction] {
    switch self.phase {
    case .watching(var attempt, let node, let view) where attempt.number == number:
      guard note(&attempt) else { return [] }
      if !isGapless { attempt.mustRead = true }
      if attempt.isWatching, attempt.mustRead, self.rules.readsOnceWatched { return self.check(attempt, node, view) }
      self.phase = .watching(attempt, node, view)
    case .checking(var attempt, let node, let view, let again) where attempt.number == number:
      guard note(&attempt) else { return [] }
      self.phase = .checking(attempt, node, view, again: again || !isGapless)
    default: break
    }
    return []
  }

  private mutating func predecessorGone(_ number: UInt64, _ key: [UInt8], termIsLive: Bool) -> [KeyQueueAction] {
    switch self.phase {
    case .watching(let attempt, let node, let view) where attempt.number == number && attempt.watched == key:
      // No contender can have come between: those that enter after our key stand behind it. If our own key was deleted by
      // hand, its deletion is mostly reported first, since both are watched on one stream. A server that has to catch up with
      // one of the watches may report it a tenth of a second later; the grant is lost then.
      if attempt.isOwnWatched, view.isNext || !self.rules.readsBehindSeveral {
        return self.ripen(attempt, node, termIsLive: termIsLive)
      }
      return self.check(attempt, node, view)
    case .checking(let attempt, let node, let view, _) where attempt.number == number && attempt.watched == key:
      self.phase = .checking(attempt, node, view, again: true)
      return []
    default: return []
    }
  }

  private mutating func ownGone(_ node: KeyQueueNode) -> [KeyQueueAction] {
    guard self.rules.heedsOwnDeletion, self.owns(node) else { return [] }
    if case .held = self.phase {
      self.phase = .idle
      return [.send(.forgetWatches), .lose(node)] + self.startIfWanted()
    }
    return self.restart()
  }

  private mutating func recheck() -> [KeyQueueAction] {
    guard self.rules.rechecks else { return [] }
    let sweeps = self.litter.sweep(except: self.node)
    switch self.phase {
    // Whether or not the watches are known to be set: that answer may be what was lost.
    case .watching(let attempt, let node, let view): return sweeps + self.check(attempt, node, view)
    case .held(let node, _): return sweeps + [.send(.confirm(node))]
    default: return sweeps
    }
  }
}
#endif
