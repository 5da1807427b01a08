@testable import LatchkeyZooKeeper

/// One client of the model: its machine, and what is under way between it and the server.
struct ModelClient {
  /// What a client may hear, in the order in which the server sent it.
  enum Message {
    case reply(QueueEvent)
    /// The answer to a watch on one's own node: whether it is there.
    case ownWatched(QueueNode, isThere: Bool)
    case ownWatchRefused(QueueNode)
    case fired(name: String, attempt: UInt64?)
  }

  /// A watch as the client's library knows it.
  struct Watch {
    var name: String
    /// The attempt that waits for it, or nil for a watch on one's own node.
    var attempt: UInt64?
    /// Whether the client has heard that it is set, and so sets it again after a reconnect.
    var isActive = false
  }

  struct Hold {
    var grant: UInt64
    var node: QueueNode
    /// Whether the deadline has not passed since: a lease that was lost once is never held again.
    var isHeld = true
  }

  var machine: QueueMachine
  var session: UInt64
  /// Whether the server still has the session.
  var isSessionAlive = true
  var isConnected = true
  /// Whether the session's deadline lies ahead.
  var hasLiveTerm = true
  /// The session for which the machine wants to be told when it is proven to live.
  var awaitsTerm: UInt64?
  /// What the server has not carried out yet, in order.
  var requests: [QueueAction] = []
  /// What the client has not heard yet, in order.
  var replies: [Message] = []
  var watches: [Watch] = []
  var laterWatches: [QueueNode] = []
  /// What is to be asked again after a while.
  var pauses: [QueuePause] = []
  /// Who is still to ask: whether each is patient.
  var callers: [Bool]
  var waiting: [Bool] = []
  var hold: Hold?
  /// Nodes of which the client has been told that they are gone.
  var toldGone: [String] = []

  init(session: UInt64, callers: [Bool], machine: QueueMachine) {
    self.session = session
    self.callers = callers
    self.machine = machine
  }

  /// Whether the client has something to do with the lock or its remains.
  var isBusy: Bool { !self.machine.isIdle || self.hold != nil || !self.waiting.isEmpty }
}
