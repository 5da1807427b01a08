internal import Latchkey
internal import LatchkeyNetwork
internal import LatchkeyPrimitives

/// Extends leases at all servers of a quorum.
final class QuorumExtender: LeaseExtender {
  private let servers: QuorumServers
  private let clock: TimerQueue

  init(_ servers: QuorumServers, clock: TimerQueue) {
    self.servers = servers
    self.clock = clock
  }

  func extend(_ items: [ExtensionItem], answer: @escaping Answer) {
    var rest = items[...]
    while !rest.isEmpty {
      self.send(Array(rest.prefix(ExtensionRequest.limit)), answer)
      rest = rest.dropFirst(ExtensionRequest.limit)
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

  private func send(_ items: [ExtensionItem], _ answer: @escaping Answer) {
    let count = Count(nodes: self.servers.ports.count, leases: items.count)
    let (keys, arguments) = ExtensionRequest.words(items, counterTimeToLive: [])
    let sentAt = ContinuousClock.now
    @Sendable func decide(_ change: (inout Count.State) -> [(lease: Int, answer: ExtensionAnswer)]) {
      let (decided, errors) = count.state.withLock { (change(&$0), $0.errors) }
      guard !decided.isEmpty else { return }
      let error = self.summary(errors)
      for (index, result) in decided { answer(items[index], sentAt, result, error) }
    }
    for (node, port) in self.servers.ports.enumerated() {
      port.run(.extend, keys: keys, arguments: arguments) { reply in
        let (votes, error) = self.votes(of: node, reply)
        decide { state in
          state.errors[node] = error
          return state.tally.count(votes)
        }
      }
    }
    self.clock.set(after: self.servers.answerTimeout) { decide { $0.tally.close() } }
  }

  /// The errors of each server.
  private func summary(_ errors: [RedisError?]) -> RedisError? {
    guard let first = errors.lazy.compactMap({ $0 }).first else { return nil }
    let words = zip(self.servers.ports, errors).compactMap { port, error in
      error.map { "\(port.address): \($0.message)" }
    }
    // A refusal explains more than silence, and two names of one server more than either.
    let worst = errors.lazy.compactMap { $0 }.max { $0.weight < $1.weight } ?? first
    return RedisError(worst.code, words.joined(separator: "; "))
  }

  private func votes(of node: Int, _ reply: PortReply) -> (votes: [Bool?]?, error: RedisError?) {
    let votes: [Bool?]
    switch ExtensionRequest.read(reply) {
    case .failure(let error): return (nil, error)
    case .success(let results): votes = results
    }
    if let duplicate = self.servers.duplicate(of: node, reply.identity) { return (nil, duplicate) }
    let isUnreadable = votes.contains { $0 == nil }
    guard let end = self.servers.distrust(of: node, reply.identity) else {
      return (votes, isUnreadable ? ExtensionRequest.unreadable : nil)
    }
    let remaining = ContinuousClock.now.duration(to: end).roundedUp
    let error = RedisError(.unreachable, "was started lately and may have forgotten a lock: no vote for \(remaining)")
    return (votes.map { $0 == true ? nil : $0 }, isUnreadable ? ExtensionRequest.unreadable : error)
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
