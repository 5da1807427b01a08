#if Etcd
import Latchkey

@testable import LatchkeyEtcd

/// One client of the model: its machine, and what is under way between it and the server.
struct ModelClient {
  /// There is at most one on a predecessor, and one on our own key.
  struct Watch: Equatable {
    let key: [UInt8]
    /// Our own key, if that is what is watched.
    var node: KeyQueueNode?
    var attempt: UInt64
    /// What happened up to this revision is known already.
    var asOf: Int64
    /// Whether the server has set it.
    var isSet = false
    /// Since which revision it tells everything, when the client has heard so.
    var since: Int64?
    /// The revision of what was told last.
    var last: Int64 = 0
    /// Whether it is left for a while, with nobody to be told.
    var isParked = false

    var isOwn: Bool { self.node != nil }
  }

  /// What the stream of watches tells.
  struct Told {
    let isOwn: Bool
    let key: [UInt8]
    let revision: Int64
    /// Whether the key was deleted; otherwise the watch has been set.
    let isDeletion: Bool
  }

  /// A transaction: one goes after the other, or several go together, and one without an answer goes again.
  struct Request {
    var action: KeyQueueRequest
    /// How many copies of it were sent and got no answer.
    var copies = 0
  }

  struct Hold {
    var node: KeyQueueNode
    /// Whether the deadline has not passed since: a lease that was lost once is never held again.
    var isHeld = true
  }

  /// Whether the client asks more than once, so that it may find watches that it left.
  let comesBack: Bool
  var machine: KeyQueue
  var session: UInt64
  /// Whether the session's deadline lies ahead.
  var hasLiveTerm = true
  /// Sessions that the client has given up and the server has not.
  var oldSessions: [UInt64] = []
  var requests: [Request] = []
  var answers: [KeyQueueEvent] = []
  var events: [Told] = []
  var watches: [Watch] = []
  /// The key to be watched if the lock is held for long.
  var late: KeyQueueNode?
  /// Copies of requests that may be carried out later.
  var ghosts: [KeyQueueRequest] = []
  /// Whether something has happened that only looking again finds out.
  var needsRecheck = false
  var callers: [Bool]
  var waiting: [Bool] = []
  /// How many of the tries that wait, the latest, came after the last question was asked.
  var newcomers = 0
  /// How many of the tries that wait, the latest, have seen the lock free all the time.
  var undisturbed = 0
  /// The keys whose holders have given the lock back and not been answered.
  var releasing: Set<KeyQueueNode> = []
  var hold: Hold?

  init(session: UInt64, callers: [Bool], rules: KeyQueue.Rules) {
    self.session = session
    self.callers = callers
    self.comesBack = callers.count > 1
    self.machine = KeyQueue(session: session, sweeps: 1, rules: rules)
  }

  var tries: Int { self.waiting.count { !$0 } }

  var demand: Demand {
    Demand(waits: self.waiting.contains(true), tries: self.tries > self.newcomers, newTries: self.newcomers > 0)
  }

  func watch(isOwn: Bool) -> Int? { self.watches.firstIndex { $0.isOwn == isOwn } }

  /// Has a watch set in the place of the one on the predecessor, or on our own key.
  mutating func replaceWatch(_ watch: Watch) {
    self.watches.removeAll { $0.isOwn == watch.isOwn }
    self.events.removeAll { $0.isOwn == watch.isOwn }
    self.watches.append(watch)
  }

  /// Whether the client has something to do with the lock or its remains. Keys in doubt are looked after as long as the session
  /// lasts, and are no unfinished business.
  var isBusy: Bool {
    guard case .idle = self.machine.phase else { return true }
    return self.hold != nil || !self.waiting.isEmpty || !self.requests.isEmpty || !self.answers.isEmpty
  }
}
#endif
