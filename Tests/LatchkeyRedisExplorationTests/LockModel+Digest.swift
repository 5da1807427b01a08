import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyRedis

/// What tells one state from another. Clients are alike, and so are servers: states that differ by who is who are one. Of
/// instants only the distance counts, and of numbers that only go up only which are the same.
extension LockModel {
  func digest(_ state: State, into digest: inout StateDigest) {
    digest.add(state.faults)
    digest.add(state.hasForgotten)
    let tokens = self.isSingle ? Self.tokens(state) : []
    if self.isSingle { digest.add(Self.rank(state.nodes[0].counter ?? 0, tokens)) }
    let least = StateDigest.least(among: self.isSingle ? [0] : self.looksOfNodes(state)) { order in
      var words = StateDigest()
      for node in order {
        words.add(state.nodes[node].key.map { $0.expiry - state.now } ?? -1)
        if !self.isSingle { words.add(state.nodes[node].run > 0) }
        words.add(state.nodes[node].isOld)
      }
      let clients = state.clients.indices.map { index in
        var client = ClientDigest(state: state, index: index, tokens: tokens, patience: self.patience)
        client.add(order: order)
        return client.words.value
      }
      for client in clients.sorted() { words.add(client) }
      return words.value
    }
    digest.add(least)
  }

  /// The tokens that may still be granted or minted again, in order: only that counts.
  private static func tokens(_ state: State) -> [UInt64] {
    var tokens: Set<UInt64> = [state.nodes[0].counter ?? 0]
    for client in state.clients {
      for entry in client.attempts.values where !entry.machine.isReleased { tokens.insert(entry.token) }
      for reply in client.replies[0] { if case .yes(let token) = reply.answer { tokens.insert(token) } }
    }
    return tokens.filter { $0 > state.lastGranted }.sorted()
  }

  /// The place of a token among those; those that are too small to be granted are all one.
  fileprivate static func rank(_ token: UInt64, _ tokens: [UInt64]) -> Int { tokens.firstIndex(of: token) ?? -1 }

  /// What the servers look like, whoever the clients are.
  private func looksOfNodes(_ state: State) -> [UInt64] {
    state.nodes.indices.map { node in
      var look = StateDigest()
      look.add(state.nodes[node].key.map { $0.expiry - state.now } ?? -1)
      look.add(state.nodes[node].run > 0)
      look.add(state.nodes[node].isOld)
      let parts = state.clients.indices.map { index in
        var client = ClientDigest(state: state, index: index, tokens: [], patience: self.patience)
        // One client's key where another waits is not the other's where the one waits.
        client.addGlance()
        client.add(node: node)
        client.add(votesAt: node)
        return client.words.value
      }
      for part in parts.sorted() { look.add(part) }
      return look.value
    }
  }
}

/// The digest of one client.
private struct ClientDigest {
  let state: LockModel.State
  let index: Int
  let tokens: [UInt64]
  let patience: UInt64
  var words = StateDigest()

  private var client: ModelClient { self.state.clients[self.index] }

  init(state: LockModel.State, index: Int, tokens: [UInt64], patience: UInt64) {
    self.patience = patience
    self.state = state
    self.index = index
    self.tokens = tokens
  }

  /// Whether the client wants nothing more, and nobody heeds whether it is told of releases: then its alarm rings, and words
  /// reach it, without effect.
  private var isOut: Bool {
    guard self.client.isFinished else { return false }
    return self.state.nodes.count > 1 || !self.state.clients.contains(where: \.mayHeedTold)
  }

  mutating func add(order: [Int]) {
    let client = self.client
    self.words.add(client.callers.count)
    for patient in client.callers { self.words.add(patient) }
    self.words.add(client.waiting.count)
    for patient in client.waiting { self.words.add(patient) }
    self.words.add(min(client.turn.attempt, self.patience))
    self.add(client.turn)
    for (attempt, entry) in client.attemptsInOrder {
      self.attempt(attempt)
      self.add(entry, order)
    }
    self.words.add(client.departed.count)
    for attempt in client.departed.sorted() { self.attempt(attempt) }
    for node in order { self.add(node: node) }
    if !self.isOut {
      self.add(alarm: client.alarm, client.turn)
      self.words.add(client.subscription.rawValue)
      self.words.add(client.hasWord)
    }
    self.words.add(client.hold != nil)
    if let hold = client.hold {
      self.attempt(hold.attempt)
      self.instant(hold.deadline)
    }
  }

  /// What is between the client and one server.
  mutating func add(node: Int) {
    let client = self.client
    if let key = self.state.nodes[node].key, key.client == self.index { self.attempt(key.attempt) }
    self.words.add(client.requests[node].count)
    for request in client.requests[node] { self.add(request) }
    self.words.add(client.replies[node].count)
    for reply in client.replies[node] { self.add(reply, node) }
    for late in client.late where late.node == node {
      self.add(late.request)
      self.words.add(late.since - self.state.now)
    }
    self.words.add(0)
    for retry in client.retries where retry.node == node { self.attempt(retry.attempt) }
    let probation = client.probations[node]
    self.words.add(probation.runID == "\(self.state.nodes[node].run)")
    self.instant(probation.end)
  }

  /// What tells it from other clients, wherever it has keys.
  mutating func addGlance() {
    let client = self.client
    self.words.add(client.callers.count)
    self.words.add(client.waiting.count)
    self.add(client.turn)
    self.words.add(client.hold != nil)
  }

  /// What the client's attempts know of one server.
  mutating func add(votesAt node: Int) {
    for (attempt, entry) in self.client.attemptsInOrder {
      self.attempt(attempt)
      self.add(entry.machine.keys[node], entry.machine.votes[node])
    }
  }

  private mutating func add(_ node: OwnerKey, _ vote: Vote?) {
    self.words.add(node.isPending)
    self.words.add(node.isDoubtful)
    self.words.add(node.isPlanted)
    self.words.add(node.isReleaseDoubtful)
    switch node.finding {
    case nil: self.words.add(0)
    case .freed: self.words.add(1)
    case .gone: self.words.add(2)
    }
    switch vote {
    case nil: self.words.add(0)
    case .yes: self.words.add(1)
    case .untrusted: self.words.add(2)
    case .no: self.words.add(3)
    case .failed(.notDone): self.words.add(4)
    case .failed(.inDoubt): self.words.add(5)
    case .duplicate: self.words.add(6)
    }
    switch node.reply {
    case nil: self.words.add(0)
    case .planted: self.words.add(1)
    case .othersStands: self.words.add(2)
    case .failed(.notDone): self.words.add(3)
    case .failed(.inDoubt): self.words.add(4)
    }
    switch node.release {
    case .none: self.words.add(0)
    case .sending: self.words.add(1)
    case .waiting(let isDone): self.words.add(isDone ? 2 : 3)
    case .settled(let isDone): self.words.add(isDone ? 4 : 5)
    }
  }

  private mutating func attempt(_ attempt: UInt64) { self.words.add(name: attempt, of: 1) }

  /// How many ticks lie before an instant.
  private mutating func instant(_ instant: ContinuousClock.Instant?) {
    guard let instant else { return self.words.add(-1) }
    var ticks = 0
    while ticks < 8, LockModel.instant(self.state.now + ticks) < instant { ticks += 1 }
    self.words.add(ticks)
  }

  private mutating func add(_ request: ModelClient.Request) {
    self.attempt(request.attempt)
    self.words.add(request.isRelease)
  }

  private mutating func add(_ reply: ModelClient.Reply, _ node: Int) {
    self.add(reply.request)
    // Which run of a single server answers, nobody asks.
    let isQuorum = self.state.nodes.count > 1
    if isQuorum {
      self.words.add(reply.run == self.state.nodes[node].run)
      self.words.add(reply.run > 0)
    }
    if isQuorum { self.words.add(reply.isOld) }
    if isQuorum, reply.run > 0 { self.words.add(max(reply.startedAt - self.state.now, -LockModel.ticksToLive - 1)) }
    switch reply.answer {
    case .yes(let token): self.words.add(LockModel.rank(token, self.tokens))
    case .no(let own):
      self.words.add(-2)
      if let own { self.attempt(own) }
    case .released(let told): self.words.add(self.client.heedsTold ? told : -3)
    case .gone: self.words.add(-4)
    }
  }

  /// What the alarm is for: another means nothing when it rings.
  private mutating func add(alarm: UInt64?, _ turn: RedisLockMachine) {
    self.words.add(alarm != nil)
    guard let alarm else { return }
    self.words.add(turn.phase == .resting(alarm: alarm) || turn.phase == .yielding(alarm: alarm))
    self.words.add(turn.subscription == .idle(alarm: alarm))
  }

  private mutating func add(_ turn: RedisLockMachine) {
    self.words.add(self.isOut)
    if self.isOut { return }
    self.attempt(turn.attempt)
    switch turn.phase {
    case .idle: self.words.add(0)
    case .asking: self.words.add(1)
    case .resting: self.words.add(2)
    case .leaving: self.words.add(3)
    case .yielding: self.words.add(4)
    case .held: self.words.add(5)
    }
    switch turn.subscription {
    case .none: self.words.add(0)
    case .opening: self.words.add(1)
    case .open: self.words.add(2)
    case .idle: self.words.add(3)
    }
    self.words.add(turn.brokenSubscriptions)
    self.words.add(turn.isOpen)
    self.words.add(turn.isDoubtful)
    self.words.add(turn.departing != nil)
    if let departing = turn.departing { self.attempt(departing) }
    self.words.add(turn.mustAskAgain)
    self.words.add(turn.outage != nil)
    self.words.add(turn.handOvers)
    self.words.add(turn.tenureIsOver)
    self.words.add(self.client.newcomers)
    self.words.add(self.client.undisturbed)
  }

  private mutating func add(_ entry: ModelClient.Attempt, _ order: [Int]) {
    let machine = entry.machine
    self.words.add(entry.isOut)
    // What is released is not granted any more.
    if !machine.isReleased {
      self.instant(entry.deadline)
      self.words.add(LockModel.rank(entry.token, self.tokens))
      self.words.add(entry.ownInTheWay.isDisjoint(with: self.client.departed))
      self.instant(machine.deadline)
    }
    for node in order {
      self.add(machine.keys[node], machine.votes[node])
      self.words.add(entry.deletedAt.contains(node))
    }
    self.words.add(machine.isGranted)
    self.words.add(machine.isDecided)
    self.words.add(machine.isReleased)
    self.words.add(machine.isSettled)
    self.words.add(machine.hasTimedOut)
    self.instant(machine.releaseUntil)
    if self.client.heedsTold { self.words.add(machine.told) }
  }
}

extension ModelClient {
  /// Its attempts, oldest first.
  fileprivate var attemptsInOrder: [(key: UInt64, value: Attempt)] { self.attempts.sorted { $0.key < $1.key } }

  /// Whether it may yet matter how many clients a release was told to: only to those who go on to ask for the lock again.
  fileprivate var heedsTold: Bool { !self.callers.isEmpty || !self.waiting.isEmpty }

  /// Whether it may come to that: it has something to release and somebody else who asks.
  fileprivate var mayHeedTold: Bool {
    self.callers.count + self.waiting.count + (self.hold == nil ? 0 : 1) + self.departed.count > 1
  }
}
