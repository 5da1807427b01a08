import LatchkeyTesting

@testable import LatchkeyRedis

/// Steps and states in words.
extension LockModel {
  func describe(_ step: Step, in state: State) -> String {
    switch step {
    case .join(let index):
      let isPatient = state.clients[index].callers.first ?? true
      return isPatient ? "\(Self.name(index)) asks for the lock" : "\(Self.name(index)) tries the lock"
    case .release(let index):
      let isHeld = state.clients[index].hold.map { Self.instant(state.now) < $0.deadline } ?? false
      return isHeld ? "\(Self.name(index)) releases the lock" : "\(Self.name(index)) gives up the lock that it has lost"
    case .serve(let index, let node):
      let request = state.clients[index].requests[node].first.map(self.describe) ?? ""
      return "\(self.server(node)) carries out \(Self.name(index))'s \(request)"
    case .hear(let index, let node):
      let reply = state.clients[index].replies[node].first.map(self.describe) ?? ""
      return "\(Self.name(index)) hears from \(self.server(node)): \(reply)"
    case .alarm(let index): return "\(Self.name(index)) has paused long enough"
    case .retry(let index, let position):
      return
        "\(Self.name(index)) comes back to its release at \(self.server(state.clients[index].retries[position].node))"
    case .serveSubscription(let index): return "the server notes that \(Self.name(index)) wants to hear of releases"
    case .hearSubscribed(let index): return "\(Self.name(index)) hears that it will be told of releases"
    case .hearWord(let index): return "\(Self.name(index)) hears that the lock was released"
    case .arriveLate(let index, let position):
      let late = state.clients[index].late[position]
      return "late, on a connection long given up, \(Self.name(index))'s \(self.describe(late.request)) is carried out "
        + "by \(self.server(late.node))"
    case .tick: return "half a TTL passes"
    case .cancel(let index): return "FAULT: \(Self.name(index)) is cancelled"
    case .cut(let index, let node, let fate):
      let requests = state.clients[index].requests[node].isEmpty ? "the reply is lost" : self.describe(fate)
      return "FAULT: \(Self.name(index))'s connection to \(self.server(node)) breaks; \(requests)"
    case .restart(let node): return "FAULT: \(self.server(node)) is started again and has forgotten everything"
    case .replace(let node):
      return "FAULT: another server, which has long been up, takes over the address of \(self.server(node))"
    case .delete(let node): return "FAULT: somebody deletes the key at \(self.server(node))"
    case .giveUpWaiting(let index, _): return "FAULT: \(Self.name(index)) has waited too long for answers"
    case .loseWord(let index): return "FAULT: \(Self.name(index)) never hears that the lock was released"
    }
  }

  func describe(_ state: State) -> String {
    var parts: [String] = []
    for (index, client) in state.clients.enumerated() {
      if !client.waiting.isEmpty {
        parts.append("\(Self.name(index)) waits, \(String(describing: client.turn.phase).prefix { $0 != "(" })")
      } else if client.isBusy {
        parts.append("\(Self.name(index)) is not done")
      }
    }
    for (node, server) in state.nodes.enumerated() {
      guard let key = server.key else { continue }
      parts.append("\(self.server(node)) has the key of \(Self.name(key.client))'s attempt \(key.attempt)")
    }
    return parts.joined(separator: "; ")
  }

  private func server(_ node: Int) -> String { self.isSingle ? "the server" : "server \(node + 1)" }

  private func describe(_ fate: Fate) -> String {
    switch fate {
    case .carriedOut: "what it had asked for is carried out"
    case .dropped: "what it had asked for is lost"
    case .neverSent: "what it asks for was never sent"
    case .late: "what it had asked for is still on its way"
    }
  }

  private func describe(_ request: ModelClient.Request) -> String {
    request.isRelease ? "release of attempt \(request.attempt)" : "request for the lock (attempt \(request.attempt))"
  }

  private func describe(_ reply: ModelClient.Reply) -> String {
    switch reply.answer {
    case .yes(let token): self.isSingle ? "granted, with token \(token)" : "granted"
    case .no: "held by somebody else"
    case .released: "released"
    case .gone: "there was nothing to release"
    }
  }
}
