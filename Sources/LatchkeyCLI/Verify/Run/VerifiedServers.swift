internal import Latchkey
internal import LatchkeyTesting

/// Throw-away servers as a verification sees them: what can be done to them, and what must not be left on them.
protocol VerifiedServers: Sendable {
  /// A URL up to the name of a lock.
  var base: String { get }
  /// The tick they run with, where they have one.
  var tick: Duration? { get }
  /// What they say they are; nil if they do not.
  var version: String? { get }
  var members: [any ThrowawayServer] { get }
  /// Whether one of them leads.
  var hasLeader: Bool { get }
  /// How the clients' protocol divides its bytes.
  var framing: FaultProxy.Framing { get }

  /// The place of the member that leads.
  func leader() async throws -> Int

  /// Waits until all members answer.
  func waitUntilReady() async throws

  /// Cuts a member off from the others; false if nothing stands between them.
  func isolate(_ place: Int, _ direction: FaultProxy.Direction) async throws -> Bool

  /// Ends what ``isolate(_:_:)`` began.
  func rejoin() async

  /// How many bytes the members have sent each other that did not arrive.
  func lostBetweenMembers() async -> Int

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

extension VerifiedServers {
  func leader() async throws -> Int { 0 }

  func waitUntilReady() async throws {}

  func isolate(_ place: Int, _ direction: FaultProxy.Direction) async throws -> Bool { false }

  func rejoin() async {}

  func lostBetweenMembers() async -> Int { 0 }

  func excuses(for faults: [InjectedFault]) -> [Excuse] { [] }
}

/// Servers that a verification can start.
protocol VerifiedServerKind: ServerKind {
  /// Starts servers, lends them to a body, and stops and removes them when the body has ended, whichever way.
  func withVerifiedServers<Result: Sendable>(
    count: Int,
    _ body: @Sendable (any VerifiedServers) async throws -> Result
  ) async throws -> Result
}
