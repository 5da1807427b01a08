@testable import LatchkeyZooKeeper

/// One client of the model: its machine, and the requests and replies that are under way.
struct ModelClient {
  let number: Int
  var machine: QueueMachine
  var session: UInt64
  var isConnected = true
  /// Whether the session's deadline lies ahead.
  var hasLiveTerm = true
  /// What the server has not carried out yet, in order.
  var requests: [QueueAction] = []
  /// What the client has not heard yet, in order.
  var replies: [QueueEvent] = []
  /// The watches that the client sets again after a reconnect.
  var watches: Set<ModelServer.Watch> = []
  var waiting: [Bool] = []
  var held: (grant: UInt64, node: QueueNode)?
  /// Nodes of which the client has heard that they are gone.
  var toldGone: Set<String> = []
  var laterWatches: [QueueNode] = []
  var served = 0
  /// Answers of "busy" to those who would not wait.
  var dismissed = 0
  var failed = 0

  init(number: Int, session: UInt64, rules: QueueMachine.Rules) {
    self.number = number
    self.session = session
    self.machine = QueueMachine(session: session, rules: rules) { attempt in "\(number).\(attempt)" }
  }
}
