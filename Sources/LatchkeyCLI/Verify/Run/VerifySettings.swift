internal import Latchkey

/// What a verification is to do.
struct VerifySettings: Sendable {
  /// The arguments that name the servers and how to reach them, without any password.
  var target: [String] = []
  var seed: UInt64
  var kinds: Set<FaultKind>
  var duration: Duration = .seconds(30)
  var processes = 4
  var workers = 2
  /// How long the servers keep the lock of a silent client.
  var timeToLive: Duration = .seconds(2)
  var sabotage: Sabotage?

  /// The budget of each call of a client.
  var budget: Duration { self.timeToLive * 4 }
  /// How soon each client must have had the lock after the faults.
  var progressBound: Duration { self.timeToLive * 5 + .seconds(10) }
  /// How long a client may take to end, and how soon nothing may be left of it. A killed one leaves what it held for the TTL.
  var endBound: Duration { self.timeToLive * 2 + .seconds(8) }
}
