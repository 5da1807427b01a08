internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import LatchkeyTesting

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

/// What `--sabotage` makes worse, to show that it would be found out.
enum Sabotage: String, Codable, CaseIterable, Sendable {
  /// Clients believe that they hold what they were granted until they give it back.
  case ignoreDeadline = "ignore-deadline"
  /// The same, and the resource takes every write, whatever its token.
  case acceptStale = "accept-stale"
  /// No alarm fires at a deadline: a loss is reported only when the lease is asked whether it is held.
  case silentLoss = "silent-loss"

  /// Whether clients believe that they hold what they were granted, whatever the lease says.
  var ignoresDeadlines: Bool { self != .silentLoss }
}

/// The task of a client process of a verification.
struct VerifyPlan: ChildPlan, Codable, Sendable {
  /// The lock with its credentials: it travels through a pipe, never in an argument.
  var url: String
  var tick: Duration?
  var freshServers: [String]
  var workers: Int
  /// How long the servers keep the lock of a silent client: long holds reach beyond it.
  var timeToLive: Duration
  /// The budget of each call.
  var budget: Duration
  /// How long a try may take: it has no budget, but waits for a connection as long as the client's settings say.
  var tryBudget: Duration = .seconds(12)
  /// How much longer than a fault a lease is kept that nobody looks at: beyond what the judge grants for telling its loss.
  var patience: Duration = .nanoseconds(HistoryJudge.Limits().lossTold) + .milliseconds(500)
  var seed: UInt64
  var sabotage: Sabotage?
}

/// What the parent says to a client process, one line each: the plan first.
enum VerifyOrder {
  static let go = "go"
  static let stop = "stop"

  /// The holder keeps the lock for so many milliseconds from now: `linger MILLISECONDS watched|unwatched`.
  static func linger(_ duration: Duration, isWatched: Bool) -> String {
    "linger \(duration.nanoseconds / 1_000_000) \(isWatched ? "watched" : "unwatched")"
  }

  static func lingering(_ line: String) -> (duration: Duration, isWatched: Bool)? {
    let words = line.split(separator: " ")
    guard words.count == 3, words[0] == "linger", let milliseconds = Int(words[1]) else { return nil }
    return (.milliseconds(milliseconds), words[2] == "watched")
  }

  /// The answer to a write: `wrote WORKER yes|no`.
  static func wrote(_ worker: Int, _ accepted: Bool) -> String { "wrote \(worker) \(accepted ? "yes" : "no")" }

  static func answer(_ line: String) -> (worker: Int, accepted: Bool)? {
    let words = line.split(separator: " ")
    guard words.count == 3, words[0] == "wrote", let worker = Int(words[1]) else { return nil }
    return (worker, words[2] == "yes")
  }
}
