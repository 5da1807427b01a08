#if Etcd
@testable import LatchkeyEtcd

/// One client of the model: its machine, and what is under way between it and the server.
struct ModelClient {
  struct Watch {
    let key: [UInt8]
    /// Our own key, if that is what is watched.
    let node: QueueNode?
    let attempt: UInt64
    var isSet = false
  }

  /// A transaction: one goes after the other, and one without an answer goes again.
  struct Request {
    var action: QueueAction
    /// Whether a copy of it may be carried out beside it.
    var isDoubtful = false
  }

  struct Hold {
    var grant: UInt64
    var node: QueueNode
    /// Whether the deadline has not passed since: a lease that was lost once is never held again.
    var isHeld = true
  }

  var machine: QueueMachine
  var session: UInt64
  /// Whether the session's deadline lies ahead.
  var hasLiveTerm = true
  /// Sessions that the client has given up and the server has not.
  var oldSessions: [UInt64] = []
  var requests: [Request] = []
  var answers: [QueueEvent] = []
  var events: [QueueEvent] = []
  var watches: [Watch] = []
  /// The key to be watched if the lock is held for long.
  var late: QueueNode?
  /// Copies of requests that may be carried out later.
  var ghosts: [QueueAction] = []
  /// Whether something has happened that only looking again finds out.
  var needsRecheck = false
  var callers: [Bool]
  var waiting: [Bool] = []
  var hold: Hold?

  init(session: UInt64, callers: [Bool], rules: QueueMachine.Rules) {
    self.session = session
    self.callers = callers
    self.machine = QueueMachine(session: session, rules: rules)
  }

  /// Whether the client has something to do with the lock or its remains. Keys in doubt are looked after as long as the session
  /// lasts, and are no unfinished business.
  var isBusy: Bool {
    guard case .idle = self.machine.phase else { return true }
    return self.hold != nil || !self.waiting.isEmpty || !self.requests.isEmpty || !self.answers.isEmpty
  }
}
#endif
