internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives
internal import Synchronization

/// Extends leases at all servers, as many in one request as the servers take.
final class ExtensionBatch: Sendable {
  /// One lease to be extended.
  struct Item: Sendable {
    let lease: UInt64
    let keys: LockKeys
    let owner: [UInt8]
    let timeToLive: Duration
  }

  /// Called with the outcome of one lease, and with the servers' error if the outcome is unknown.
  typealias Answer = @Sendable (_ item: Item, _ sentAt: ContinuousClock.Instant, ExtensionAnswer, RedisError?) -> Void

  /// So that no script holds up the server for long.
  private static let limit = 100

  private let ports: [any RedisPort]
  private let clock: TimerQueue
  private let probations: [Probation]
  private let runs: ServerRuns
  private let answerTimeout: Duration?
  /// Empty where there are no counters.
  private let counterTimeToLive: [UInt8]
  /// Whether keys of several slots must not be in one request.
  private let isClustered = Atomic(false)

  init(
    ports: [any RedisPort],
    clock: TimerQueue,
    probations: [Probation],
    runs: ServerRuns,
    answerTimeout: Duration?,
    counterTimeToLive: [UInt8]
  ) {
    self.ports = ports
    self.clock = clock
    self.probations = probations
    self.runs = runs
    self.answerTimeout = answerTimeout
    self.counterTimeToLive = counterTimeToLive
  }

  /// Extends leases; `answer` is called once for each.
  func extend(_ items: [Item], answer: @escaping Answer) {
    let size = self.isClustered.load(ordering: .relaxed) ? 1 : Self.limit
    var rest = items[...]
    while !rest.isEmpty {
      self.send(Array(rest.prefix(size)), answer)
      rest = rest.dropFirst(size)
    }
  }

  /// What has been answered to one request.
  private final class Count: Sendable {
    struct State {
      var tally: ExtensionTally
      /// Each server's error.
      var errors: [RedisError?]
    }

    let state: Locked<State>

    init(nodes: Int, leases: Int) {
      let tally = ExtensionTally(nodes: nodes, leases: leases)
      self.state = Locked(State(tally: tally, errors: Array(repeating: nil, count: nodes)))
    }
  }

  private func send(_ items: [Item], _ answer: @escaping Answer) {
    let count = Count(nodes: self.ports.count, leases: items.count)
    let (keys, arguments) = self.words(items)
    let sentAt = ContinuousClock.now
    @Sendable func decide(_ change: (inout Count.State) -> [(lease: Int, answer: ExtensionAnswer)]) {
      let (decided, errors) = count.state.withLock { (change(&$0), $0.errors) }
      guard !decided.isEmpty else { return }
      let error = self.summary(errors)
      for (index, result) in decided { answer(items[index], sentAt, result, error) }
    }
    for (node, port) in self.ports.enumerated() {
      port.run(.extend, keys: keys, arguments: arguments) { reply in
        if self.mustSplit(reply, items) { return self.extend(items, answer: answer) }
        let (votes, error) = self.votes(of: node, reply)
        decide { state in
          state.errors[node] = error
          return state.tally.count(votes)
        }
      }
    }
    guard let answerTimeout = self.answerTimeout else { return }
    self.clock.set(after: answerTimeout) { decide { $0.tally.close() } }
  }

  /// The error of a request: that of a single server, or those of each server of a quorum.
  private func summary(_ errors: [RedisError?]) -> RedisError? {
    guard let first = errors.lazy.compactMap({ $0 }).first else { return nil }
    guard self.ports.count > 1 else { return first }
    let words = zip(self.ports, errors).compactMap { port, error in error.map { "\(port.address): \($0.message)" } }
    // A refusal explains more than silence, and two names of one server more than either.
    let worst = errors.lazy.compactMap { $0 }.max { $0.weight < $1.weight } ?? first
    return RedisError(worst.code, words.joined(separator: "; "))
  }

  private func words(_ items: [Item]) -> (keys: [[UInt8]], arguments: [[UInt8]]) {
    var keys: [[UInt8]] = []
    var arguments = [self.counterTimeToLive]
    for item in items {
      keys.append(item.keys.lock)
      if !self.counterTimeToLive.isEmpty { keys.append(item.keys.counter) }
      arguments.append(item.owner)
      arguments.append(Array("\(item.timeToLive.milliseconds)".utf8))
    }
    return (keys, arguments)
  }

  /// A cluster refuses a request whose keys are in several slots, and has done nothing then.
  private func mustSplit(_ reply: PortReply, _ items: [Item]) -> Bool {
    guard items.count > 1, self.ports.count == 1, case .failure(let error) = reply.result else { return false }
    guard error.code == .server, error.message.hasPrefix("CROSSSLOT") else { return false }
    self.isClustered.store(true, ordering: .relaxed)
    return true
  }

  private func votes(of node: Int, _ reply: PortReply) -> (votes: [Bool?]?, error: RedisError?) {
    switch reply.result {
    case .failure(let error): return (nil, error)
    case .success(.array(let values)):
      if let duplicate = self.runs.duplicate(of: node, reply.identity) { return (nil, duplicate) }
      var error: RedisError?
      let end = self.probations[node].distrust(reply.identity)
      if let end {
        let remaining = ContinuousClock.now.duration(to: end).roundedUp
        error = RedisError(.unreachable, "was started lately and may have forgotten a lock: no vote for \(remaining)")
      }
      let votes = values.map { value -> Bool? in
        switch value {
        case .integer(1): return end == nil ? true : nil
        case .integer(0), .integer(-1): return false
        default:
          error = RedisError(.server, "the server could not read the lock's key")
          return nil
        }
      }
      return (votes, error)
    case .success:
      return (
        nil,
        RedisError(.protocolViolation, "the server answered a lock's script with something else than the script does")
      )
    }
  }
}

extension RedisError {
  /// How much an error says about why something does not work.
  fileprivate var weight: Int {
    switch self.code {
    case .invalidConfiguration: 3
    case .notAuthorized: 2
    case .server: 1
    default: 0
    }
  }
}
