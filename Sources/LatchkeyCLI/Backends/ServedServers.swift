internal import Latchkey
internal import LatchkeyTesting

/// Throw-away servers for `--serve`.
protocol ServerKind: Sendable {
  /// The word after `--serve`.
  var name: String { get }
  /// How many servers there may be.
  var counts: ClosedRange<Int> { get }

  /// Starts servers, lends them to a body, and stops and removes them when the body has ended, whichever way.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - harmed: Whether a verification is to harm them: then they can be cut off from each other, and keep what their promise
  ///     rests on.
  ///   - body: What to do with them.
  func withServers<Result: Sendable>(
    count: Int,
    harmed: Bool,
    _ body: @Sendable (any ServedServers) async throws -> Result
  ) async throws -> Result
}

/// Servers that run: how to reach them, what can be done to them, and what must not be left on them.
protocol ServedServers: Sendable {
  /// A URL up to the name of a lock.
  var base: String { get }
  /// The tick they run with, where they have one.
  var tick: Duration? { get }
  /// What they say they are; nil if they do not.
  var version: String? { get }
  /// How long after their start no lock can be had from them; nil if one can at once.
  var quarantine: Duration? { get }
  var members: [any ThrowawayServer] { get }
  /// What stands between them; nil if nothing does.
  var network: (any MemberNetwork)? { get }
  /// Whether one of them leads.
  var hasLeader: Bool { get }
  /// How the clients' protocol divides its bytes.
  var framing: FaultProxy.Framing { get }

  /// The place of the member that leads.
  func leader() async throws -> Int

  /// Waits until all members answer.
  func waitUntilReady() async throws

  /// Ends the session, lease or key of the lock's holder.
  ///
  /// - Parameters:
  ///   - lock: The lock's name.
  ///   - session: The session of the client that is believed to hold it, where one was seen on its connections.
  /// - Returns: False if nobody held it.
  func expireHolder(of lock: String, session: Int64?) async throws -> Bool

  /// What is left of a lock, in words.
  func leftovers(of lock: String) async throws -> [String]

  /// What the backend's promise does not cover, given the faults that there were.
  func excuses(for faults: [InjectedFault]) -> [Excuse]
}

extension ServedServers {
  var tick: Duration? { nil }
  var quarantine: Duration? { nil }

  func leader() async throws -> Int { 0 }

  func waitUntilReady() async throws {}

  var network: (any MemberNetwork)? { nil }

  func excuses(for faults: [InjectedFault]) -> [Excuse] { [] }
}
