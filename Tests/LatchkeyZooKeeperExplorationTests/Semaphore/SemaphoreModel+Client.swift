import Latchkey
import LatchkeyExplorer

@testable import LatchkeyZooKeeper

/// What the clients do.
extension SemaphoreModel {
  func feed(_ event: SemaphoreEvent, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.handle(event, $1) }
  }

  func changeDemand(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    try self.step(index, &state) { $0.demandChanged($1) }
  }

  func step(
    _ index: Int,
    _ state: inout State,
    _ step: (inout SemaphoreMachine, Bool) -> [SemaphoreAction]
  ) throws(BrokenPromise) {
    let demand = state.clients[index].demand
    state.clients[index].machine.demand = demand
    state.clients[index].asksAgain = false
    let actions = step(&state.clients[index].machine, state.clients[index].hasLiveTerm)
    for action in actions { try self.act(action, index, &state) }
    let after = state.clients[index].demand
    state.clients[index].machine.demand = after
    let hasOtherHead = after.want != demand.want || state.clients[index].asksAgain
    state.clients[index].asksAgain = false
    if after.isAny, hasOtherHead { try self.changeDemand(index, &state) }
  }

  private func act(_ action: SemaphoreAction, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    switch action {
    case .send(let request): self.send(request, index, &state)
    case .grant(let claim): try self.grant(claim, index, &state)
    case .lose(let claim): state.clients[index].holds.removeAll { $0.claim == claim }
    case .turnAway: try self.answerTries(sparingNew: false, index, &state)
    case .turnAwayEarlier: try self.answerTries(sparingNew: true, index, &state)
    case .releaseSettled(let claim, _): state.clients[index].releasing.removeAll { $0 == claim }
    case .fail, .failTries, .converted, .unconverted:
      throw BrokenPromise("\(Self.name(index)) is told of an error, though asking again would help")
    }
  }

  private func send(_ request: SemaphoreRequest, _ index: Int, _ state: inout State) {
    if SemaphoreMachine.isQuestion(request) { state.clients[index].newcomers = 0 }
    switch request {
    case .forgetWatches:
      let session = state.clients[index].session
      state.server.leaseWatches.removeAll { $0.session == session }
      state.server.limitWatches.removeAll { $0.session == session }
    case .forgetLookout:
      let session = state.clients[index].session
      state.server.leaseWatches.removeAll { $0.session == session }
    case .enterQueue(let ticket):
      state.clients[index].ticket = ticket
      (state.clients[index].isToldToWait, state.clients[index].isToldToHead) = (false, false)
    case .leaveQueue(let ticket): self.leaveLine(ticket, index, &state)
    case .watchOwnLater(let claim, let watch):
      state.clients[index].laterWatches.append(.init(claim: claim, number: watch))
    case .forgetOwnWatch(let claim):
      state.clients[index].laterWatches.removeAll { $0.claim == claim }
      state.clients[index].ownWatches.removeAll { $0 == claim }
      state.clients[index].requests.removeAll { if case .watchOwn(claim, _) = $0 { true } else { false } }
    case .awaitLiveTerm: state.clients[index].awaitsTerm = true
    case .behind: break
    case .pause(let pause): state.clients[index].pauses.append(pause)
    case .enter, .makePlace, .list, .readLimit, .delete, .search, .lookAtStranger:
      state.clients[index].requests.append(.semaphore(request))
    }
  }

  private func leaveLine(_ ticket: UInt64, _ index: Int, _ state: inout State) {
    if state.clients[index].ticket == ticket { state.clients[index].ticket = nil }
    let place = SemaphoreModelServer.Place.ours(client: index, ticket: ticket)
    guard state.server.line.contains(place) else { return }
    if state.clients[index].isConnected {
      state.server.line.removeAll { $0 == place }
    } else {
      state.clients[index].left.append(ticket)
    }
  }

  private func grant(_ claim: PermitClaim, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let name = Self.name(index)
    let client = state.clients[index]
    guard let caller = client.waiting.first else { throw BrokenPromise("\(name) is granted for nobody") }
    guard client.hasLiveTerm else { throw BrokenPromise("\(name) is granted permits after its deadline") }
    guard caller.permits == claim.names.count else {
      throw BrokenPromise("\(name) is granted what the first in line does not want")
    }
    guard claim.names.allSatisfy(client.lastList.contains) else {
      throw BrokenPromise("\(name) is granted permits by a node that its list did not show")
    }
    self.noteFits(&state)
    let leases = state.server.leases.filter { claim.names.contains($0.name) }
    guard leases.allSatisfy(\.hasFit) else {
      throw BrokenPromise("\(name) is granted permits that at no moment since have fitted the limit")
    }
    if !client.isToldToHead, let identifier = leases.first?.identifier, !client.freeAttempts.contains(identifier) {
      throw BrokenPromise("\(name) comes before one that stood in the queue")
    }
    state.hasGranted = true
    state.clients[index].holds.append(SemaphoreModelClient.Hold(claim: claim, keeps: caller.keeps))
    state.clients[index].waiting.removeFirst()
    state.clients[index].newcomers = min(state.clients[index].newcomers, state.clients[index].tries)
    state.clients[index].asksAgain = true
    self.noteOthers(&state)
    let held = self.held(state)
    guard self.isShared || held <= self.limit else { throw BrokenPromise("\(held) permits are held of \(self.limit)") }
  }

  /// How many permits are held whose holders are protected.
  private func held(_ state: State) -> Int {
    let ours = state.clients.flatMap(\.holds).filter { hold in
      hold.isHeld && !hold.claim.names.contains(where: state.deletedByHand.contains)
    }
    return ours.reduce(0) { $0 + $1.claim.names.count } + state.curators.count { $0.step == 3 }
  }

  private func answerTries(sparingNew: Bool, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let client = state.clients[index]
    guard let head = client.waiting.first else { return }
    var answered: [Int] = []
    var (number, isBehindWaiter) = (0, false)
    for (place, caller) in client.waiting.enumerated() {
      guard !caller.isPatient else {
        isBehindWaiter = true
        continue
      }
      defer { number += 1 }
      guard isBehindWaiter || caller.permits == head.permits else {
        state.clients[index].asksAgain = true
        continue
      }
      guard !sparingNew || number < client.tries - client.newcomers else { continue }
      guard caller.hasSeenOthers || isBehindWaiter else {
        throw BrokenPromise("\(Self.name(index)) is told that permits are taken, which were free all the time")
      }
      answered.append(place)
    }
    for place in answered.reversed() { state.clients[index].waiting.remove(at: place) }
    state.clients[index].newcomers = min(state.clients[index].newcomers, state.clients[index].tries)
  }

  /// Notes which tries have seen others have permits, or want them.
  func noteOthers(_ state: inout State) {
    for index in state.clients.indices {
      for place in state.clients[index].waiting.indices where !state.clients[index].waiting[place].isPatient {
        let client = state.clients[index]
        let own = client.machine.attempt?.identifier
        let others = state.server.leases.contains { $0.identifier != own || $0.identifier == nil }
        let isHeld = client.holds.contains(where: \.isHeld)
        guard others || isHeld || !state.server.line.isEmpty else { continue }
        state.clients[index].waiting[place].hasSeenOthers = true
      }
    }
  }

  // MARK: Connections and sessions

  func cut(_ index: Int, tellsCreate: Bool, _ state: inout State) throws(BrokenPromise) {
    let client = state.clients[index]
    var failures = client.replies.compactMap(\.failure)
    for (number, request) in client.requests.enumerated() {
      if number == 0, tellsCreate, let claim = client.halfway?.claim,
        case .semaphore(.enter(let attempt, _, _, _, _)) = request
      {
        failures.append(.entered(attempt: attempt, create: .success(claim), view: .failure(.inDoubt)))
      } else if let failure = request.reply(.inDoubt) {
        failures.append(failure)
      }
    }
    state.clients[index].isConnected = false
    (state.clients[index].requests, state.clients[index].replies, state.clients[index].halfway) = ([], [], nil)
    // The library sets them again, but servers may refuse that.
    self.forgetWatches(index, &state)
    try self.feed(.suspended, index, &state)
    for failure in failures { try self.feed(failure, index, &state) }
  }

  private func forgetWatches(_ index: Int, _ state: inout State) {
    let session = state.clients[index].session
    state.server.leaseWatches.removeAll { $0.session == session }
    state.server.limitWatches.removeAll { $0.session == session }
    state.clients[index].ownWatches = []
  }

  func reconnect(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    state.clients[index].isConnected = true
    self.clearLine(index, &state)
    try self.feed(.connected(session: state.clients[index].session), index, &state)
  }

  private func clearLine(_ index: Int, _ state: inout State) {
    let left = state.clients[index].left
    state.clients[index].left = []
    state.server.line.removeAll { place in
      if case .ours(index, let ticket) = place { left.contains(ticket) } else { false }
    }
  }

  func expire(_ index: Int, _ state: inout State) {
    let session = state.clients[index].session
    state.clients[index].isSessionAlive = false
    self.forgetWatches(index, &state)
    state.late.removeAll { $0.session == session }
    state.server.line.removeAll { if case .ours(index, _) = $0 { true } else { false } }
    state.clients[index].left = []
    self.delete(state.server.leases.filter { $0.session == session }.map(\.name), &state)
  }

  func renew(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    let old = state.clients[index].session
    if state.clients[index].isConnected { try self.cut(index, tellsCreate: false, &state) }
    state.clients[index].laterWatches = []
    state.clients[index].awaitsTerm = false
    try self.feed(.ended(session: old), index, &state)
    try self.losePlace(index, &state)
    state.clients[index].session = state.nextSession
    state.nextSession += 1
    (state.clients[index].isSessionAlive, state.clients[index].isConnected) = (true, true)
    state.clients[index].hasLiveTerm = true
    try self.feed(.connected(session: state.clients[index].session), index, &state)
  }

  /// The queue's own machine enters again by itself, unless it had said that we head the line.
  func losePlace(_ index: Int, _ state: inout State) throws(BrokenPromise) {
    guard state.clients[index].isToldToHead, let ticket = state.clients[index].ticket else { return }
    state.clients[index].ticket = nil
    state.clients[index].isToldToHead = false
    try self.feed(.unheaded(ticket: ticket), index, &state)
  }

  // MARK: What must be

  func check(_ state: State) throws(BrokenPromise) {
    for (index, client) in state.clients.enumerated() {
      let isQuiet =
        client.isConnected && client.isSessionAlive && client.requests.isEmpty && client.replies.isEmpty
        && client.laterWatches.isEmpty && client.pauses.isEmpty
      guard !isQuiet || client.releasing.isEmpty else {
        throw BrokenPromise("\(Self.name(index)) waits for its release, though nothing more comes")
      }
      guard client.isConnected || client.releasing.isEmpty else {
        throw BrokenPromise("\(Self.name(index)) waits for its release, though nothing more comes on this connection")
      }
      for hold in client.holds where isQuiet && hold.isHeld {
        guard !hold.claim.names.contains(where: state.deletedByHand.contains) else {
          throw BrokenPromise("\(Self.name(index)) is never told that its node was deleted by hand")
        }
      }
    }
    if self.mustGrant, !state.hasGranted, self.isOver(state) {
      throw BrokenPromise("every try was told that permits are taken, and none ever was")
    }
  }

  private func isOver(_ state: State) -> Bool {
    state.clients.allSatisfy { $0.callers.isEmpty && $0.waiting.isEmpty && $0.holds.isEmpty }
  }

  func isAtRest(_ state: State) -> Bool {
    let limit = state.server.limit ?? self.limit
    let kept = state.clients.flatMap(\.holds).filter(\.keeps)
    let mayWait = { (caller: SemaphoreModelCaller) in caller.permits > limit && self.isShared }
    return state.server.leases.allSatisfy { lease in kept.contains { $0.claim.names.contains(lease.name) } }
      && state.server.line.isEmpty && state.late.isEmpty
      && state.curators.allSatisfy { $0.step == 4 }
      && state.clients.allSatisfy { client in
        client.callers.isEmpty && client.isConnected && client.isSessionAlive && client.requests.isEmpty
          && client.replies.isEmpty && client.releasing.isEmpty && client.left.isEmpty && client.ticket == nil
          && client.holds.allSatisfy(\.keeps) && (client.waiting.first.map(mayWait) ?? true)
          && client.machine.litter.isEmpty && client.machine.strangers.isEmpty
      }
  }

  static func name(_ client: Int) -> String { ["Ann", "Bob", "Cay", "Dan"][client] }
}
