#if Etcd
@testable import LatchkeyEtcd

/// A broken promise, found by exploration.
struct Violation: Error, CustomStringConvertible {
  let description: String
}

/// Clients that contend for one lock at a server, with every message in between in the open: whoever drives the model
/// chooses what happens next.
struct QueueModel {
  enum Step: Hashable {
    case join(Int, patient: Bool)
    case leave(Int)
    case release(Int)
    /// The server carries out the client's oldest request.
    case serve(Int)
    /// The client hears the oldest answer, or the oldest event of its watches.
    case hearAnswer(Int)
    case hearEvent(Int)
    case setWatch(Int, Int)
    /// The time has come to watch the key of a lock that is still held.
    case watchLate(Int)
    /// A copy of a request that was thought lost is carried out.
    case ghost(Int)
    /// The answer to the oldest request is lost: it is sent again, and a copy may be carried out later.
    case loseAnswer(Int)
    case loseEvent(Int)
    /// The stream of watches breaks and is made again.
    case breakStream(Int)
    /// Somebody deletes a key of the client by hand.
    case vandalise(Int)
    /// The deadline of the session passes; some time later it is over.
    case lapse(Int)
    case expire(Int)

    var isFault: Bool {
      switch self {
      case .loseAnswer, .loseEvent, .breakStream, .vandalise, .lapse, .expire: true
      default: false
      }
    }
  }

  private struct Watch {
    let key: [UInt8]
    let node: QueueNode?
    let attempt: UInt64
    var isSet = false
  }

  private struct Client {
    var machine: QueueMachine
    var session: UInt64
    var hasLiveTerm = true
    var waiting: [Bool] = []
    var held: (grant: UInt64, node: QueueNode)?
    var requests: [QueueAction] = []
    var answers: [QueueEvent] = []
    var events: [QueueEvent] = []
    var watches: [Watch] = []
    var late: QueueNode?
    var ghosts: [QueueAction] = []
    /// Whether anything has been done to it that may cost it a grant.
    var isHarmed = false
    /// Whether something has happened that only looking again finds out.
    var needsRecheck = false
  }

  private var server: ModelServer
  private var clients: [Client]
  private var nextSession: UInt64
  private var lastToken: Int64 = 0
  private var callers: Int
  private var faults: Int

  init(clients: Int, callers: Int, faults: Int, rules: QueueMachine.Rules = .init()) {
    let sessions = (0..<clients).map { UInt64($0) + 1 }
    self.server = ModelServer(sessions: Set(sessions))
    self.clients = sessions.map { Client(machine: QueueMachine(session: $0, rules: rules), session: $0) }
    self.nextSession = UInt64(clients) + 1
    self.callers = callers
    self.faults = faults
  }

  /// Everything that may happen next.
  var steps: [Step] { self.clients.indices.flatMap { self.steps(of: $0) } }

  private func steps(of index: Int) -> [Step] {
    let client = self.clients[index]
    var steps: [Step] = []
    if self.callers > 0 { steps += [.join(index, patient: true), .join(index, patient: false)] }
    if !client.waiting.isEmpty { steps.append(.leave(index)) }
    if client.held != nil { steps.append(.release(index)) }
    if !client.requests.isEmpty { steps.append(.serve(index)) }
    if !client.answers.isEmpty { steps.append(.hearAnswer(index)) }
    if !client.events.isEmpty { steps.append(.hearEvent(index)) }
    steps += client.watches.indices.filter { !client.watches[$0].isSet }.map { .setWatch(index, $0) }
    if client.late != nil { steps.append(.watchLate(index)) }
    if !client.ghosts.isEmpty { steps.append(.ghost(index)) }
    guard self.faults > 0 else { return steps }
    if case .enter? = client.requests.first { steps.append(.loseAnswer(index)) }
    if !client.events.isEmpty { steps.append(.loseEvent(index)) }
    if !client.watches.isEmpty { steps.append(.breakStream(index)) }
    if self.server.keys.contains(where: { $0.session == client.session }) { steps.append(.vandalise(index)) }
    if client.hasLiveTerm { steps.append(.lapse(index)) }
    steps.append(.expire(index))
    return steps
  }

  mutating func take(_ step: Step) throws(Violation) {
    if step.isFault { self.faults -= 1 }
    switch step {
    case .join(let index, let patient):
      self.callers -= 1
      self.clients[index].waiting.append(patient)
      try self.feed(index, .joined(patient: patient))
    case .leave(let index):
      let patient = self.clients[index].waiting.removeLast()
      try self.feed(index, .left(patient: patient))
    case .release(let index):
      guard let held = self.clients[index].held else { return }
      self.clients[index].held = nil
      try self.feed(index, .released(grant: held.grant))
    case .serve(let index):
      let request = self.clients[index].requests.removeFirst()
      if let answer = self.carryOut(request, index, isDoubtful: false) { self.clients[index].answers.append(answer) }
    case .hearAnswer(let index): try self.feed(index, self.clients[index].answers.removeFirst())
    case .hearEvent(let index): try self.feed(index, self.clients[index].events.removeFirst())
    case .setWatch(let index, let position): self.setWatch(index, position)
    case .watchLate(let index):
      guard let node = self.clients[index].late else { return }
      self.clients[index].late = nil
      self.clients[index].watches.append(Watch(key: node.key, node: node, attempt: 0))
    case .ghost(let index):
      let request = self.clients[index].ghosts.removeFirst()
      _ = self.carryOut(request, index, isDoubtful: true)
      self.clients[index].needsRecheck = true
      // It may be anybody's predecessor for a moment, and then nobody is told of its deletion but by looking.
      for other in self.clients.indices { self.clients[other].needsRecheck = true }
    case .loseAnswer(let index):
      let request = self.clients[index].requests.removeFirst()
      _ = self.carryOut(request, index, isDoubtful: true)
      if let answer = self.carryOut(request, index, isDoubtful: true) { self.clients[index].answers.append(answer) }
      self.clients[index].ghosts.append(request)
    case .loseEvent(let index):
      self.clients[index].events.removeFirst()
      self.clients[index].needsRecheck = true
    case .breakStream(let index):
      self.clients[index].events = []
      for position in self.clients[index].watches.indices { self.clients[index].watches[position].isSet = false }
    case .vandalise(let index):
      guard let key = self.server.keys.first(where: { $0.session == self.clients[index].session }) else { return }
      self.clients[index].isHarmed = true
      self.delete(key.name, revision: key.revision)
    case .lapse(let index):
      self.clients[index].hasLiveTerm = false
      self.clients[index].isHarmed = true
    case .expire(let index): try self.expire(index)
    }
  }

  // MARK: The client's side

  private mutating func feed(_ index: Int, _ event: QueueEvent) throws(Violation) {
    let actions = self.clients[index].machine.handle(event, termIsLive: self.clients[index].hasLiveTerm)
    for action in actions { try self.perform(action, index) }
  }

  private mutating func perform(_ action: QueueAction, _ index: Int) throws(Violation) {
    switch action {
    case .enter, .check, .confirm, .delete: self.clients[index].requests.append(action)
    case .watchPredecessor(let attempt, let key):
      self.clients[index].watches.removeAll { $0.node == nil }
      self.clients[index].watches.append(Watch(key: key, node: nil, attempt: attempt))
    case .watchOwn(let attempt, let node):
      self.clients[index].watches.append(Watch(key: node.key, node: node, attempt: attempt))
    case .watchOwnLater(let node): self.clients[index].late = node
    case .forgetWatches:
      self.clients[index].watches = []
      self.clients[index].late = nil
    case .grant(let grant, let node): try self.grant(grant, node, index)
    case .lose(let grant):
      guard self.clients[index].isHarmed else { throw Violation(description: "\(index) lost a grant for no reason") }
      if self.clients[index].held?.grant == grant { self.clients[index].held = nil }
    case .answerImpatient: self.clients[index].waiting.removeAll { !$0 }
    case .fail: throw Violation(description: "\(index) was told an error that nobody made")
    case .releaseSettled: break
    }
  }

  private mutating func grant(_ grant: UInt64, _ node: QueueNode, _ index: Int) throws(Violation) {
    let client = self.clients[index]
    guard let patient = client.waiting.first else { throw Violation(description: "\(index) was granted for nobody") }
    guard client.hasLiveTerm else { throw Violation(description: "\(index) was granted without time left") }
    for (other, holder) in self.clients.enumerated() where other != index && holder.hasLiveTerm {
      if let held = holder.held, self.server.has(held.node), self.server.has(node) {
        throw Violation(description: "\(index) was granted while \(other) holds")
      }
    }
    // A key that was deleted by hand before its answer was heard may be granted; that it is gone is found out right after.
    if self.server.has(node) {
      guard node.revision > self.lastToken else {
        throw Violation(description: "the token \(node.revision) does not grow")
      }
      self.lastToken = node.revision
    } else if !client.isHarmed {
      throw Violation(description: "\(index) was granted a key that is gone")
    }
    self.clients[index].held = (grant, node)
    self.clients[index].waiting.removeFirst()
    for action in self.clients[index].machine.served(patient: patient) { try self.perform(action, index) }
  }

  private mutating func expire(_ index: Int) throws(Violation) {
    let session = self.clients[index].session
    self.clients[index].hasLiveTerm = false
    self.clients[index].isHarmed = true
    for key in self.server.end(session) { self.tell(key) }
    try self.feed(index, .sessionEnded(session))
    self.clients[index].session = self.nextSession
    self.nextSession += 1
    self.clients[index].hasLiveTerm = true
    self.server.begin(self.clients[index].session)
    try self.feed(index, .sessionBegan(self.clients[index].session))
  }

  // MARK: The server's side

  private mutating func carryOut(_ request: QueueAction, _ index: Int, isDoubtful: Bool) -> QueueEvent? {
    switch request {
    case .enter(let attempt, let session, let slot, let onlyIfEmpty):
      let key = [UInt8(truncatingIfNeeded: index), UInt8(truncatingIfNeeded: session), UInt8(truncatingIfNeeded: slot)]
      let entry = self.server.enter(key, slot: slot, session: session, onlyIfEmpty: onlyIfEmpty)
      let node = QueueNode(key: key, slot: slot, revision: QueueNode.anyRevision, session: session)
      return .entered(attempt: attempt, entry, inDoubt: isDoubtful ? node : nil)
    case .check(let attempt, let node): return .checked(attempt: attempt, self.server.check(node))
    case .confirm(let node): return .confirmed(node, exists: self.server.has(node))
    case .delete(let node):
      self.delete(node.key, revision: node.revision)
      return .deleted(node, isGone: true)
    default: return nil
    }
  }

  private mutating func delete(_ key: [UInt8], revision: Int64) {
    if self.server.delete(key, revision: revision) { self.tell(key) }
  }

  private mutating func tell(_ key: [UInt8]) {
    for index in self.clients.indices {
      for watch in self.clients[index].watches where watch.isSet && watch.key == key {
        let event: QueueEvent =
          watch.node.map { .ownGone($0) } ?? .predecessorGone(attempt: watch.attempt, key: watch.key)
        self.clients[index].events.append(event)
      }
    }
  }

  private mutating func setWatch(_ index: Int, _ position: Int) {
    self.clients[index].watches[position].isSet = true
    let watch = self.clients[index].watches[position]
    self.clients[index].events.append(
      watch.node.map { .ownWatched($0) } ?? .predecessorWatched(attempt: watch.attempt, key: watch.key)
    )
  }

  // MARK: Coming to rest

  /// Lets everything happen that is under way, gives back what is held, and looks at what remains.
  mutating func settle() throws(Violation) {
    self.faults = 0
    self.callers = 0
    for _ in 0..<200 {
      try self.drain()
      for index in self.clients.indices where !self.clients[index].hasLiveTerm { try self.expire(index) }
      for index in self.clients.indices where self.clients[index].needsRecheck {
        try self.feed(index, .recheck)
      }
      try self.drain()
      for (index, client) in self.clients.enumerated() {
        guard let held = client.held else { continue }
        guard self.server.has(held.node) else { throw Violation(description: "\(index) holds without a key") }
        try self.take(.release(index))
      }
      try self.drain()
      if self.clients.allSatisfy({ $0.waiting.isEmpty && $0.held == nil }), self.server.keys.isEmpty { return }
    }
    throw Violation(
      description: """
        at rest, \(self.clients.map(\.waiting.count)) wait and these keys are left: \(self.server.keys)
        """
    )
  }

  private mutating func drain() throws(Violation) {
    while let step = self.steps.first(where: { step in
      if case .leave = step { false } else if case .release = step { false } else { true }
    }) { try self.take(step) }
  }
}
#endif
