import Latchkey
@testable import LatchkeyZooKeeper

/// Somebody who asks for the lock.
struct ModelCaller: Hashable {
  /// Whether it waits.
  var isPatient = true
  var want = Want.exclusive
  /// What it does with its lease before it releases it.
  var then: [ModelConversion] = []

  static let reader = ModelCaller(want: .shared)
  static let writer = ModelCaller()

  static func reader(_ then: ModelConversion...) -> ModelCaller { ModelCaller(want: .shared, then: then) }
  static func writer(_ then: ModelConversion...) -> ModelCaller { ModelCaller(then: then) }
}

/// What a holder may do with its lease.
enum ModelConversion: Int {
  case downgrade, upgrade
}

/// One client of the model: its machine, and what is under way between it and the server.
struct ModelClient {
  /// What a client may hear, in the order in which the server sent it.
  enum Message {
    case reply(NodeQueueEvent)
    case fired(name: String, attempt: UInt64?)
  }

  /// A message with what was the case when the server sent it.
  struct Posted {
    var message: Message
    /// Which nodes of the client somebody had deleted by hand.
    var gone: [String]
  }

  /// A watch as the client's library knows it.
  struct Watch {
    var name: String
    /// The attempt that waits for it, or nil for a watch on one's own node.
    var attempt: UInt64?
    /// Whether the client has heard that it is set, and so sets it again after a reconnect.
    var isActive = false
  }

  /// A watch on one's own node that goes out with the next heartbeat.
  struct LaterWatch {
    var node: NodeQueueNode
    var number: UInt64
  }

  struct Hold {
    var node: NodeQueueNode
    /// Whether the deadline has not passed since: a lease that was lost once is never held again.
    var isHeld = true
    var then: [ModelConversion] = []
    /// How many callers share the node.
    var callers = 1
    var isConverting = false
  }

  /// What has been carried out of a flight in which a node is replaced.
  enum Halfway: Equatable {
    case replaced(by: String)
    /// The list came first.
    case listed(isAlone: Bool)
    /// The old node was deleted first.
    case deleted(by: UInt64)
  }

  var machine: NodeQueue
  var session: UInt64
  /// Whether the server still has the session.
  var isSessionAlive = true
  var isConnected = true
  /// Whether the session's deadline lies ahead.
  var hasLiveTerm = true
  /// The session for which the machine wants to be told when it is proven to live.
  var awaitsTerm: UInt64?
  /// What the server has not carried out yet, in order.
  var requests: [NodeQueueRequest] = []
  /// What the client has not heard yet, in order.
  var replies: [Posted] = []
  /// What the client's library keeps over a lost connection, and sends on the next one.
  var kept: [NodeQueueRequest] = []
  /// What a server that lags behind would list.
  var laggingNodes: [ModelServer.Node]?
  var watches: [Watch] = []
  /// Whom the present attempt has waited for, the last one last; kept only where answers may come late.
  var blockers: [(attempt: UInt64, name: String)] = []
  var laterWatches: [LaterWatch] = []
  /// What is to be asked again after a while.
  var pauses: [NodeQueuePause] = []
  /// Who is still to ask.
  var callers: [ModelCaller]
  var waiting: [ModelCaller] = []
  /// How many of the tries that wait, the latest, came after the last list of the queue had been asked for.
  var newcomers = 0
  /// How many of the tries that wait, the latest, have seen the lock free all the time.
  var undisturbed = 0
  /// Whether tries were left in line that want something else than those which were answered.
  var sparesTries = false
  var holds: [Hold] = []
  /// What has been carried out of the first request.
  var halfway: Halfway?
  /// Nodes whose release somebody waits for.
  var releasing: [NodeQueueNode] = []
  /// Whether the client was closed: nothing comes any more.
  var isClosed = false
  /// Whether the servers have refused for good what the client asked for.
  var isDenied = false
  /// What had been deleted by hand when the message was sent that is being heard.
  var goneWhenSent: [String] = []
  /// Nodes of which the client has been told that they are gone.
  var toldGone: [String] = []

  init(session: UInt64, callers: [ModelCaller], machine: NodeQueue) {
    self.session = session
    self.callers = callers
    self.machine = machine
  }

  var tries: Int { self.waiting.count { !$0.isPatient } }

  var demand: Demand {
    Demand(
      waits: self.waiting.contains(where: \.isPatient),
      tries: self.tries > self.newcomers,
      newTries: self.newcomers > 0,
      want: self.waiting.first?.want ?? .exclusive
    )
  }

  /// Whether the attempt has waited for another one than it waits for now.
  var isBehindLaterOne: Bool {
    guard let last = self.blockers.last, self.machine.watchesBlocker(last.attempt, last.name) else {
      return false
    }
    return self.blockers.count > 1
  }

  /// Whether the client has something to do with the lock or its remains.
  var isBusy: Bool { !self.machine.isIdle || !self.holds.isEmpty || !self.waiting.isEmpty }
}
