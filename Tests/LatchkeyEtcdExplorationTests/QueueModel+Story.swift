#if Etcd
import LatchkeyTesting

@testable import LatchkeyEtcd

/// Steps and states in words.
extension QueueModel {
  func describe(_ step: Step, in state: State) -> String {
    switch step {
    case .foresee(let plan): return "(faults to come: \(self.describe(plan)))"
    case .join(let index):
      let isPatient = state.clients[index].callers.first ?? true
      return isPatient ? "\(Self.name(index)) asks for the lock" : "\(Self.name(index)) tries the lock"
    case .release(let index):
      let isHeld = state.clients[index].hold?.isHeld ?? false
      return isHeld ? "\(Self.name(index)) releases the lock" : "\(Self.name(index)) gives up the lock that it has lost"
    case .serve(let index):
      return
        "the server carries out \(Self.name(index))'s \(self.describe(state.clients[index].requests.first?.action))"
    case .serveTogether(let first, let second):
      let names = first == second ? Self.name(first) : "\(Self.name(first)) and then \(Self.name(second))"
      return "the server carries out all that \(names) asked for, in one transaction"
    case .serveAmongNested(let index):
      let action = self.describe(state.clients[index].requests.first?.action)
      return "the server carries out \(Self.name(index))'s \(action), in one transaction with those of nested names"
    case .hearAnswer(let index):
      return "\(Self.name(index)) hears \(self.describe(state.clients[index].answers.first))"
    case .hearEvent(let index):
      return "\(Self.name(index)) hears \(self.describe(told: state.clients[index].events.first))"
    case .setWatch(let index, let position):
      return "the server watches \(self.text(state.clients[index].watches[position].key)) for \(Self.name(index))"
    case .watchLate(let index): return "\(Self.name(index)) has held the lock for so long that it watches its own key"
    case .recheck(let index): return "\(Self.name(index)) looks again, as it does from time to time"
    case .ghost(let index, let position):
      let action = state.clients[index].ghosts[position]
      return "late, the server carries out a copy of \(Self.name(index))'s \(self.describe(action))"
    case .renew(let index): return "\(Self.name(index)) finds that its deadline has passed, and begins another session"
    case .expire(let index, let session): return "the server ends \(Self.name(index))'s session \(session)"
    case .cancel(let index): return "FAULT: \(Self.name(index)) is cancelled"
    case .loseAnswer(let index):
      let action = self.describe(state.clients[index].requests.first?.action)
      return "FAULT: the server carries out \(Self.name(index))'s \(action), but the answer is lost; it is sent again"
    case .delayRequest(let index):
      let action = self.describe(state.clients[index].requests.first?.action)
      return "FAULT: \(Self.name(index))'s \(action) gets stuck on its way; it is sent again"
    case .failEntry(let index, let isWritten):
      let action = self.describe(state.clients[index].requests.first?.action)
      return
        "FAULT: the server \(isWritten ? "carries out" : "drops") \(Self.name(index))'s \(action), and answers with an error"
    case .loseEvent(let index):
      return "FAULT: \(Self.name(index)) never hears \(self.describe(told: state.clients[index].events.first))"
    case .breakStream(let index): return "FAULT: \(Self.name(index))'s stream of watches breaks"
    case .pause(let index): return "FAULT: \(Self.name(index)) is paused until its deadline is past"
    case .deleteByHand(let index): return "FAULT: somebody deletes \(Self.name(index))'s key by hand"
    case .restart: return "FAULT: the server is started again; all streams break"
    }
  }

  private func describe(_ plan: [Int]) -> String {
    let parts = plan.enumerated().filter { $1 > 0 }
      .map { "\($1) for \($0 < self.callers.count ? Self.name($0) : "the server")" }
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }

  func describe(_ state: State) -> String {
    var parts: [String] = []
    for (index, client) in state.clients.enumerated() {
      if !client.waiting.isEmpty {
        parts.append("\(Self.name(index)) waits, \(String(describing: client.machine.phase).prefix { $0 != "(" })")
      } else if client.isBusy {
        parts.append("\(Self.name(index)) is not done")
      }
    }
    if !state.server.keys.isEmpty {
      parts.append("in the queue: \(state.server.keys.map { self.text($0.name) }.joined(separator: ", "))")
    }
    return parts.joined(separator: "; ")
  }

  private func text(_ key: [UInt8]) -> String {
    "\(Self.name(Int(key[0])))'s key \(key[2]) of session \(key[1])"
  }

  private func describe(_ action: KeyQueueRequest?) -> String {
    switch action {
    case .enter(_, let session, let slot, let onlyIfEmpty):
      "entry with key \(slot) of session \(session)\(onlyIfEmpty ? ", if nobody is there" : "")"
    case .check: "look at its place"
    case .confirm: "look at its own key"
    case .delete(let node):
      "delete of key \(node.slot)\(node.revision == KeyQueueNode.anyRevision ? "" : " as of revision \(node.revision)")"
    default: "request"
    }
  }

  private func describe(told: ModelClient.Told?) -> String {
    guard let told else { return "something" }
    return "that \(self.text(told.key)) is \(told.isDeletion ? "gone" : "watched")"
  }

  private func describe(_ event: KeyQueueEvent?) -> String {
    switch event {
    case .entered(_, .success(.entered(let node, let view)), _, _):
      "that it has entered at revision \(node.revision), \(view.predecessor.map { "behind \(self.text($0))" } ?? "first")"
    case .entered(_, .success(.busy), _, _): "that somebody is there"
    case .entered(_, .success(.gone), _, _): "that its key is gone again"
    case .entered(_, .failure(.failed), _, _): "of an error"
    case .entered: "that its session is over"
    case .checked(_, .success(.standing(let view))):
      view.predecessor.map { "that it stands behind \(self.text($0))" } ?? "that it is first"
    case .checked: "that its key is gone"
    case .confirmed(_, let exists): exists ? "that its key stands" : "that its key is gone"
    case .deleted(let node, _, _): "that its key \(node.slot) is deleted"
    default: "something"
    }
  }
}
#endif
