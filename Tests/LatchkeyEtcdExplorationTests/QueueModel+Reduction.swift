#if Etcd
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyEtcd

/// Steps that are enough for now, where the order in which others are taken cannot matter.
///
/// Some of the steps that are possible are enough if, from here on and until one of them is taken, everything else that may
/// happen commutes with each of them: whatever can happen before it can happen after it, and leads to the same state. Then a way
/// to a broken promise that takes one of them later is found behind it too, and so is one that takes none, behind any of them
/// that is no fault; and if nothing at rest can be reached from the state before, none can be reached from the states behind.
/// (Persistent sets: Godefroid, *Partial-Order Methods for the Verification of Concurrent Systems*, 1996.) A release must not be
/// among them, since what ``check(_:)`` finds before it is over after it; a grant may, since who holds the lock too early holds
/// it still when another is granted it. Each such step uses something up that none of them makes, a message, a caller or a
/// fault, so they come to an end, and nothing is put off for ever.
extension QueueModel {
  /// Steps that are enough for now, if that is not all: one that may be taken alone, or all that concern one client alone.
  func sufficientSteps(from state: State, _ plan: [Int]) -> [Step]? {
    // What may be carried out alone may also share a transaction with what comes later.
    guard !self.sharesFlights else { return nil }
    for index in state.clients.indices {
      if let step = self.soleStep(of: index, state, plan) { return [step] }
    }
    for index in state.clients.indices {
      if let steps = self.localSteps(of: index, state, plan) { return steps }
    }
    return nil
  }

  private func soleStep(of index: Int, _ state: State, _ plan: [Int]) -> Step? {
    let client = state.clients[index]
    // Nothing happens to a client before it asks for the first time, and what it asks for is not yet at the server.
    if client.isFresh { return client.callers.isEmpty ? nil : .join(index) }
    for session in client.oldSessions where self.isForgotten(session, of: client, state) {
      return .expire(index, session)
    }
    // A client that wants nothing more and has left nothing has its next session for itself.
    if !client.hasLiveTerm, client.isDone, !client.isBusy { return .renew(index) }
    // Its caller can do nothing, its session cannot end, and no fault can strike it.
    guard client.isCalm, client.hasLiveTerm, plan[index] == 0, client.ghosts.isEmpty else { return nil }
    // Nobody else can make a key that it is about, so the answer is the same whenever it is given.
    guard let node = client.requests.first?.action.node, state.server.place(of: node.key) == nil else { return nil }
    return .serve(index)
  }

  /// All that may happen within one client, faults included. What happens at the server, its own requests included, only adds to
  /// the ends of its lines of answers and events; so it is left out if nothing that comes to stand in one of them may be heard
  /// before what is there.
  private func localSteps(of index: Int, _ state: State, _ plan: [Int]) -> [Step]? {
    let client = state.clients[index]
    guard client.isCalm, self.shell.deadlineComesFirst else { return nil }
    guard !client.events.isEmpty || client.watches.isEmpty else { return nil }
    guard !client.answers.isEmpty || client.requests.isEmpty && client.ghosts.isEmpty else { return nil }
    // A session that is over takes with it what was asked for in its name.
    guard client.hasLiveTerm || client.requests.isEmpty else { return nil }
    // A key that somebody may delete by hand concerns everybody, and a restart breaks the streams of all.
    guard plan[index] == 0 || !self.faults.contains(.deleteByHand) else { return nil }
    guard plan[state.clients.count] == 0 || client.watches.isEmpty else { return nil }
    var steps: [Step] = []
    self.addSteps(of: index, state, plan, &steps)
    steps.removeAll { !$0.isLocal }
    guard steps.contains(where: { !self.isFault($0, in: state) }) else { return nil }
    // The server may set a watch meanwhile, which has to come to the same before and after.
    let awaited = client.watches.filter { !$0.isSet }
    guard awaited.isEmpty || steps.allSatisfy({ self.leaves(awaited, $0, index, state) }) else { return nil }
    return steps
  }

  /// Whether a step of a client leaves those of its watches as they are that are not set yet, and would leave them if they were.
  private func leaves(_ awaited: [ModelClient.Watch], _ step: Step, _ index: Int, _ state: State) -> Bool {
    if case .breakStream = step { return false }
    var reached = state
    guard (try? self.take(step, in: &reached)) != nil else { return false }
    return awaited.allSatisfy { reached.clients[index].watches.contains($0) }
  }

  /// Whether the end of an old session changes nothing for anybody.
  private func isForgotten(_ session: UInt64, of client: ModelClient, _ state: State) -> Bool {
    !state.server.keys.contains { $0.session == session } && !client.ghosts.contains { $0.session == session }
  }
}

extension QueueModel.Step {
  /// Whether only the client has to do with it.
  fileprivate var isLocal: Bool {
    switch self {
    case .hearAnswer, .hearEvent, .recheck, .renew, .cancel, .pause, .loseEvent, .breakStream: true
    default: false
    }
  }
}

extension ModelClient {
  /// Whether its caller can do nothing, and it will not come to watch its own key by itself.
  fileprivate var isCalm: Bool { self.callers.isEmpty && self.hold == nil && self.late == nil }

  /// Whether it has never asked.
  fileprivate var isFresh: Bool { self.machine.nextAttempt == 1 && self.waiting.isEmpty && self.hasLiveTerm }

  /// Whether nobody will ask, and nothing is on its way.
  fileprivate var isDone: Bool {
    self.callers.isEmpty && self.events.isEmpty && self.watches.isEmpty && self.late == nil && self.ghosts.isEmpty
      && self.machine.litter.isEmpty
  }
}

extension KeyQueueRequest {
  /// The key that is read or deleted, if that is all that is done.
  fileprivate var node: KeyQueueNode? {
    switch self {
    case .check(_, let node), .confirm(let node), .delete(let node): node
    default: nil
    }
  }
}
#endif
