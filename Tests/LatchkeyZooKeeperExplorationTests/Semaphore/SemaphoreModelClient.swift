import Latchkey

@testable import LatchkeyZooKeeper

/// A caller of one client.
struct SemaphoreModelCaller: Hashable {
  var permits = 1
  var isPatient = true
  /// Whether it keeps its permits for ever.
  var keeps = false
  /// Whether, as a try, it has seen permits in other hands.
  var hasSeenOthers = false
}

/// One client of ours: the real machine, what it has asked for, and what it will hear.
struct SemaphoreModelClient {
  struct Hold: Hashable {
    let claim: PermitClaim
    var keeps: Bool
    /// Whether its deadline has not passed.
    var isHeld = true
  }

  /// How far the first flight in line was carried out.
  struct Halfway: Hashable {
    var claim: PermitClaim?
    var leases: [String] = []
    var isQueueFree = true
    /// Whether all has been listed.
    var isListed = false
    var limit: Int?
  }

  struct Message {
    let event: SemaphoreEvent
    /// What is heard instead if the connection is lost before; nil for what the server tells by itself.
    let failure: SemaphoreEvent?
  }

  struct LaterWatch: Hashable {
    let claim: PermitClaim
    let number: UInt64
  }

  enum Request: Hashable {
    case semaphore(SemaphoreRequest)
    case watchOwn(PermitClaim, watch: UInt64)
  }

  var machine: SemaphoreMachine
  var session: UInt64
  var isConnected = true
  var isSessionAlive = true
  var hasLiveTerm = true
  var awaitsTerm = false
  var requests: [Request] = []
  var halfway: Halfway?
  var replies: [Message] = []
  var pauses: [SemaphorePause] = []
  var laterWatches: [LaterWatch] = []
  /// Own nodes that are watched at the server.
  var ownWatches: [PermitClaim] = []
  /// The ticket by which the client wants to stand in line; and whether it was told that it waits, or that it heads the line.
  var ticket: UInt64?
  var isToldToWait = false
  var isToldToHead = false
  /// Places in line that could not be given up yet: the connection was down.
  var left: [UInt64] = []
  var callers: [SemaphoreModelCaller]
  var waiting: [SemaphoreModelCaller] = []
  var newcomers = 0
  var asksAgain = false
  var holds: [Hold] = []
  /// Claims whose release somebody waits for.
  var releasing: [PermitClaim] = []
  /// The permits as they were listed last.
  var lastList: [String] = []
  /// Attempts that found nobody in line.
  var freeAttempts: Set<String> = []

  init(machine: SemaphoreMachine, session: UInt64, callers: [SemaphoreModelCaller]) {
    self.machine = machine
    self.session = session
    self.callers = callers
  }

  var tries: Int { self.waiting.count { !$0.isPatient } }

  var demand: Demand {
    Demand(
      waits: self.waiting.contains(where: \.isPatient),
      tries: self.tries > self.newcomers,
      newTries: self.newcomers > 0,
      want: .permits(self.waiting.first?.permits ?? 1)
    )
  }

  var isBusy: Bool {
    !self.machine.isIdle || !self.holds.isEmpty || !self.waiting.isEmpty || self.ticket != nil || !self.left.isEmpty
  }
}
