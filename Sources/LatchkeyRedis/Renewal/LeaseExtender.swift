internal import Latchkey
internal import LatchkeyPrimitives
internal import Synchronization

/// One lease to be extended.
struct ExtensionItem: Sendable {
  let lease: UInt64
  let keys: LockKeys
  let owner: [UInt8]
  let timeToLive: Duration
}

/// Extends leases at servers, as many in one request as the servers take.
protocol LeaseExtender: Sendable {
  /// Called with the outcome of one lease, and with the servers' error if the outcome is unknown.
  typealias Answer =
    @Sendable (
      _ item: ExtensionItem, _ sentAt: ContinuousClock.Instant, ExtensionAnswer, RedisError?
    ) -> Void

  /// Extends leases; `answer` is called once for each.
  func extend(_ items: [ExtensionItem], answer: @escaping Answer)
}

/// What is common to all who extend leases.
enum ExtensionRequest {
  /// So that no script holds up the server for long.
  static let limit = 100

  /// What the script takes.
  ///
  /// - Parameter counterTimeToLive: The TTL of the counters; empty where there are none.
  static func words(_ items: [ExtensionItem], counterTimeToLive: [UInt8]) -> (keys: [[UInt8]], arguments: [[UInt8]]) {
    var keys: [[UInt8]] = []
    var arguments = [counterTimeToLive]
    for item in items {
      keys.append(item.keys.lock)
      if !counterTimeToLive.isEmpty { keys.append(item.keys.counter) }
      arguments.append(item.owner)
      arguments.append(Array("\(item.timeToLive.milliseconds)".utf8))
    }
    return (keys, arguments)
  }

  /// What one server answered.
  ///
  /// - Returns: For each lease true if it was extended, false if its key is gone or another's, nil where the server cannot say.
  static func read(_ reply: PortReply) -> Result<[Bool?], RedisError> {
    switch reply.result {
    case .failure(let error): return .failure(error)
    case .success(.array(let values)):
      return .success(
        values.map { value in
          switch value {
          case .integer(1): true
          case .integer(0), .integer(-1): false
          default: nil
          }
        }
      )
    case .success:
      return .failure(
        RedisError(.protocolViolation, "the server answered a lock's script with something else than the script does")
      )
    }
  }

  static let unreadable = RedisError(.server, "the server could not read the lock's key")
}

/// Extends leases at the one server that has them.
final class ServerExtender: LeaseExtender {
  private let port: any RedisPort
  private let counterTimeToLive: [UInt8]
  /// Whether keys of several slots must not be in one request.
  private let isClustered = Atomic(false)

  init(_ port: any RedisPort, counterTimeToLive: [UInt8]) {
    self.port = port
    self.counterTimeToLive = counterTimeToLive
  }

  func extend(_ items: [ExtensionItem], answer: @escaping Answer) {
    let size = self.isClustered.load(ordering: .relaxed) ? 1 : ExtensionRequest.limit
    var rest = items[...]
    while !rest.isEmpty {
      self.send(Array(rest.prefix(size)), answer)
      rest = rest.dropFirst(size)
    }
  }

  private func send(_ items: [ExtensionItem], _ answer: @escaping Answer) {
    let (keys, arguments) = ExtensionRequest.words(items, counterTimeToLive: self.counterTimeToLive)
    let sentAt = ContinuousClock.now
    self.port.run(.extend, keys: keys, arguments: arguments) { reply in
      if self.mustSplit(reply, items) { return self.extend(items, answer: answer) }
      switch ExtensionRequest.read(reply) {
      case .failure(let error): for item in items { answer(item, sentAt, .unknown, error) }
      case .success(let results):
        for (index, item) in items.enumerated() {
          switch index < results.count ? results[index] : nil {
          case true?: answer(item, sentAt, .extended, nil)
          case false?: answer(item, sentAt, .lost, nil)
          case nil: answer(item, sentAt, .unknown, ExtensionRequest.unreadable)
          }
        }
      }
    }
  }

  /// A cluster refuses a request whose keys are in several slots, and has done nothing then.
  private func mustSplit(_ reply: PortReply, _ items: [ExtensionItem]) -> Bool {
    guard items.count > 1, case .failure(let error) = reply.result else { return false }
    guard error.code == .server, error.message.hasPrefix("CROSSSLOT") else { return false }
    self.isClustered.store(true, ordering: .relaxed)
    return true
  }
}
