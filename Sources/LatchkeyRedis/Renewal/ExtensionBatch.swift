internal import Latchkey
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

  typealias Answer = @Sendable (_ item: Item, _ sentAt: ContinuousClock.Instant, ExtensionAnswer) -> Void

  /// So that no script holds up the server for long.
  private static let limit = 100

  private let ports: [any RedisPort]
  private let clock: AlarmClock
  private let probations: [Probation]
  private let answerTimeout: Duration?
  /// Empty where there are no counters.
  private let counterTimeToLive: [UInt8]
  /// Whether keys of several slots must not be in one request.
  private let isClustered = Atomic(false)

  init(
    ports: [any RedisPort],
    clock: AlarmClock,
    probations: [Probation],
    answerTimeout: Duration?,
    counterTimeToLive: [UInt8]
  ) {
    self.ports = ports
    self.clock = clock
    self.probations = probations
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

  private func send(_ items: [Item], _ answer: @escaping Answer) {
    final class Count: Sendable {
      let tally: Locked<ExtensionTally>
      init(_ tally: ExtensionTally) { self.tally = Locked(tally) }
    }
    let count = Count(ExtensionTally(nodes: self.ports.count, leases: items.count))
    let (keys, arguments) = self.words(items)
    let sentAt = ContinuousClock.now
    for (node, port) in self.ports.enumerated() {
      port.run(.extend, keys: keys, arguments: arguments) { reply in
        if self.mustSplit(reply, items) { return self.extend(items, answer: answer) }
        let votes = self.votes(of: node, reply)
        for (index, result) in count.tally.withLock({ $0.count(votes) }) { answer(items[index], sentAt, result) }
      }
    }
    guard let answerTimeout = self.answerTimeout else { return }
    self.clock.set(after: answerTimeout) {
      for (index, result) in count.tally.withLock({ $0.close() }) { answer(items[index], sentAt, result) }
    }
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

  private func votes(of node: Int, _ reply: PortReply) -> [Bool?]? {
    guard case .success(.array(let values)) = reply.result else { return nil }
    let isTrusted = self.probations[node].distrust(reply.identity) == nil
    return values.map { value in
      switch value {
      case .integer(1): isTrusted ? true : nil
      case .integer: false
      default: nil
      }
    }
  }
}
