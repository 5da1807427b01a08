import Latchkey

@testable import LatchkeyRedis

/// One server as a lock sees it: a key with an owner and an expiry, and the counter of tokens.
struct ModelNode {
  struct Key {
    var client: Int
    var attempt: UInt64
    /// The tick at which it is gone.
    var expiry: Int
  }

  var key: Key?
  var counter: UInt64?
  /// How often the server was started again, and when last.
  var run = 0
  var startedAt = 0
  /// Whether the present run has long been up elsewhere, and has taken over the address.
  var isOld = false
}

/// One client: the machines, and what is under way between it and the servers.
struct ModelClient {
  struct Request {
    var attempt: UInt64
    var isRelease: Bool
  }

  struct Reply {
    enum Answer {
      case yes(token: UInt64)
      case no(ofOwnAttempt: UInt64?)
      case released(told: Int)
      /// There was nothing to release.
      case gone
    }

    var request: Request
    var answer: Answer
    /// Which run of the server it came from, and when that began.
    var run: Int
    var startedAt: Int
    var isOld: Bool
  }

  struct Hold {
    var attempt: UInt64
    var deadline: ContinuousClock.Instant
  }

  enum Subscription: Int {
    case none, requested, confirming, open
  }

  struct Ballot {
    var machine: BallotMachine
    var deadline: ContinuousClock.Instant
    var token: UInt64 = 0
    /// Whether somebody waits for a decision, or for a release to be done.
    var isOut = true
    /// Whose keys stood in the way, if they were our own.
    var ownInTheWay: Set<UInt64> = []
    /// Where somebody has deleted the keys while the lock was held.
    var deletedAt: Set<Int> = []
  }

  var turn: RedisLockMachine
  /// The present attempt, and those that are being released.
  var ballots: [UInt64: Ballot] = [:]
  var departed: Set<UInt64> = []
  /// For each server, in order.
  var requests: [[Request]]
  var replies: [[Reply]]
  /// Requests that the client has given up, and that may still arrive.
  var late: [(node: Int, request: Request, since: Int)] = []
  var retries: [(node: Int, attempt: UInt64)] = []
  /// The alarm that the machine waits for.
  var alarm: UInt64?
  var subscription = Subscription.none
  /// Whether a release was published that the client has not heard of.
  var hasWord = false
  /// For each server, what the client thinks of its present run.
  var probations: [ProbationMachine]
  var callers: [Bool]
  var waiting: [Bool] = []
  /// How many of the tries that wait, the latest, came after the last question was asked.
  var newcomers = 0
  /// How many of the tries that wait, the latest, have seen the lock free all the time.
  var undisturbed = 0
  var hold: Hold?

  init(callers: [Bool], servers: Int, turns: RedisLockMachine.Rules, probation: ProbationMachine.Rules) {
    self.callers = callers
    self.turn = RedisLockMachine(rules: turns)
    self.requests = Array(repeating: [], count: servers)
    self.replies = Array(repeating: [], count: servers)
    self.probations = Array(repeating: ProbationMachine(length: LockModel.probation, rules: probation), count: servers)
  }

  var tries: Int { self.waiting.count { !$0 } }

  var demand: Demand {
    Demand(waits: self.waiting.contains(true), tries: self.tries > self.newcomers, newTries: self.newcomers > 0)
  }

  /// Whether the client has something to do with the lock or its remains.
  var isBusy: Bool {
    !self.waiting.isEmpty || self.hold != nil || !self.ballots.isEmpty || self.requests.contains { !$0.isEmpty }
      || self.replies.contains { !$0.isEmpty }
  }

  /// Whether time makes a difference to it.
  var isTimed: Bool { self.isBusy }
}
