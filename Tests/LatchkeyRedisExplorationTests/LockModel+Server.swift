import LatchkeyTesting

@testable import LatchkeyRedis

/// What the servers do: the scripts.
extension LockModel {
  func carryOut(
    _ request: ModelClient.Request,
    of index: Int,
    at node: Int,
    _ state: inout State
  ) -> ModelClient.Reply {
    let answer =
      request.isRelease ? self.release(request, index, node, &state) : self.plant(request, index, node, &state)
    return ModelClient.Reply(
      request: request,
      answer: answer,
      run: state.nodes[node].run,
      startedAt: state.nodes[node].startedAt,
      isOld: state.nodes[node].isOld
    )
  }

  private func plant(
    _ request: ModelClient.Request,
    _ index: Int,
    _ node: Int,
    _ state: inout State
  ) -> ModelClient.Reply.Answer {
    let held = state.nodes[node].key
    let isOwn = held.map { $0.client == index && $0.attempt == request.attempt } ?? false
    if let held, !isOwn || !self.shell.knowsOwner {
      return .no(ofOwnAttempt: held.client == index ? held.attempt : nil)
    }
    state.nodes[node].key = ModelNode.Key(
      client: index,
      attempt: request.attempt,
      expiry: state.now + Self.ticksToLive
    )
    guard self.isSingle else { return .yes(token: 0) }
    if isOwn, let last = state.nodes[node].counter { return .yes(token: last) }
    // The clock of a server is always ahead of what was minted by it, since a grant takes longer than it ticks.
    let token = self.shell.mintsByClock ? state.lastMinted + 1 : (state.nodes[node].counter ?? 0) + 1
    state.lastMinted = max(state.lastMinted, token)
    state.nodes[node].counter = token
    return .yes(token: token)
  }

  private func release(
    _ request: ModelClient.Request,
    _ index: Int,
    _ node: Int,
    _ state: inout State
  ) -> ModelClient.Reply.Answer {
    guard let held = state.nodes[node].key else { return .gone }
    let isOwn = held.client == index && held.attempt == request.attempt
    guard isOwn || !self.shell.comparesOnRelease else { return .gone }
    state.nodes[node].key = nil
    guard self.isSingle else { return .released(told: 0) }
    var told = 0
    for other in state.clients.indices {
      switch state.clients[other].subscription {
      case .confirming, .open:
        state.clients[other].hasWord = true
        told += 1
      case .none, .requested: break
      }
    }
    return .released(told: told)
  }
}
