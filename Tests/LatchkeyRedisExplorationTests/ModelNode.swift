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

/// The machine of one attempt: at one server, or at a quorum of several. Both are driven by the events of a quorum.
enum ModelAttempt {
  case single(AttemptMachine)
  case quorum(QuorumVoteMachine)

  mutating func handle(_ event: QuorumVoteEvent, at now: ContinuousClock.Instant) -> [QuorumVoteAction] {
    switch self {
    case .quorum(var machine):
      defer { self = .quorum(machine) }
      return machine.handle(event, at: now)
    case .single(var machine):
      defer { self = .single(machine) }
      return Self.event(event).map { machine.handle($0, at: now).map(Self.action) } ?? []
    }
  }

  private static func event(_ event: QuorumVoteEvent) -> AttemptEvent? {
    switch event {
    case .ask(let deadline): .ask(deadline: deadline)
    case .voted(_, .no(let remaining)): .answered(.held(remaining: remaining))
    case .voted(_, .failed(let failure)): .answered(.failed(failure))
    case .voted: .answered(.planted)
    case .timedOut: nil
    case .release: .release
    case .released(_, let reply): .released(reply)
    case .retry: .retry
    }
  }

  private static func action(_ action: AttemptAction) -> QuorumVoteAction {
    switch action {
    case .request: .request(node: 0)
    case .decide(.granted): .decide(.granted)
    case .decide(.late): .decide(.late)
    case .decide(.busy(let remaining)): .decide(.busy(remaining: remaining))
    case .decide(.unavailable): .decide(.unavailable)
    case .release: .release(node: 0)
    case .retryLater(let delay): .retryLater(node: 0, after: delay)
    case .settle(let told, let result): .settle(notified: told, result)
    }
  }

  /// For each server, our key there.
  var keys: [OwnerKey] {
    switch self {
    case .single(let machine): [machine.key]
    case .quorum(let machine): machine.nodes.map(\.key)
    }
  }

  /// For each server, its vote, where votes are counted.
  var votes: [Vote?] {
    switch self {
    case .single: [nil]
    case .quorum(let machine): machine.votes
    }
  }

  var deadline: ContinuousClock.Instant? {
    switch self {
    case .single(let machine): machine.deadline
    case .quorum(let machine): machine.deadline
    }
  }

  var releaseUntil: ContinuousClock.Instant? {
    switch self {
    case .single(let machine): machine.releaseUntil
    case .quorum(let machine): machine.releaseUntil
    }
  }

  var isGranted: Bool {
    switch self {
    case .single(let machine): machine.isGranted
    case .quorum(let machine): machine.isGranted
    }
  }

  var isReleased: Bool {
    switch self {
    case .single(let machine): machine.isReleased
    case .quorum(let machine): machine.isReleased
    }
  }

  var isSettled: Bool {
    switch self {
    case .single(let machine): machine.isSettled
    case .quorum(let machine): machine.isSettled
    }
  }

  var isOver: Bool {
    switch self {
    case .single(let machine): machine.isOver
    case .quorum(let machine): machine.isOver
    }
  }

  /// What only a quorum keeps.
  var isDecided: Bool { if case .quorum(let machine) = self { machine.isDecided } else { false } }
  var hasTimedOut: Bool { if case .quorum(let machine) = self { machine.hasTimedOut } else { false } }
  var told: Int { if case .quorum(let machine) = self { machine.notified } else { 0 } }
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

  struct Attempt {
    var machine: ModelAttempt
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
  var attempts: [UInt64: Attempt] = [:]
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
    !self.waiting.isEmpty || self.hold != nil || !self.attempts.isEmpty || self.requests.contains { !$0.isEmpty }
      || self.replies.contains { !$0.isEmpty }
  }

  /// Whether time makes a difference to it.
  var isTimed: Bool { self.isBusy }
}
