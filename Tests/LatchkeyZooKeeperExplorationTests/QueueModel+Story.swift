import Latchkey
import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// Steps and states in words.
extension QueueModel {
  func describe(_ step: Step, in state: State) -> String {
    switch step {
    case .join(let index):
      let caller = state.clients[index].callers.first ?? ModelCaller()
      let what = caller.want == .shared ? "a share of the lock" : "the lock"
      return "\(Self.name(index)) \(caller.isPatient ? "asks for" : "tries") \(what)"
    case .convert(let index, let number):
      let isWriting = state.clients[index].holds[number].then.first == .upgrade
      return "\(Self.name(index)) \(isWriting ? "would write" : "goes on reading")"
    case .release(let index, let number):
      let isHeld = state.clients[index].holds[number].isHeld
      return isHeld ? "\(Self.name(index)) releases the lock" : "\(Self.name(index)) gives up the lock that it has lost"
    case .serve(let index):
      let request = state.clients[index].requests.first.map(self.describe) ?? ""
      return "the server carries out \(Self.name(index))'s \(request)"
    case .hear(let index):
      let message = state.clients[index].replies.first.map { self.describe($0.message) } ?? ""
      return "\(Self.name(index)) hears \(message)"
    case .reconnect(let index): return "\(Self.name(index)) is connected again"
    case .reconnectUnwatched(let index):
      return "FAULT: \(Self.name(index)) is connected again, but the server refuses to set its watches"
    case .resume(let index): return "\(Self.name(index)) has waited long enough after a refusal"
    case .beat(let index): return "\(Self.name(index))'s heartbeat is due, and with it the watch on its own node"
    case .prove(let index): return "\(Self.name(index))'s session is proven to live again"
    case .expire(let index): return "the server ends \(Self.name(index))'s session"
    case .renew(let index): return "\(Self.name(index)) learns that its session is over, and gets another"
    case .cancel(let index): return "FAULT: \(Self.name(index)) is cancelled"
    case .cancelFirst(let index): return "FAULT: \(Self.name(index))'s first in line is cancelled"
    case .downgradeOutsider:
      let what = state.outsider.count == 1 ? "gets a reader's node in the same place" : "deletes its writer's node"
      return "the client of another kind \(what)"
    case .releaseOutsider: return "the client of another kind releases the lock"
    case .cut(let index, let carriedOut):
      let all = state.clients[index].requests.count
      let requests = all == 0 ? "" : "; of its \(all) requests \(carriedOut) are still carried out"
      return "FAULT: \(Self.name(index))'s connection breaks\(requests)"
    case .cutKeeping(let index):
      return "FAULT: \(Self.name(index))'s connection breaks; its last request is kept for the next"
    case .cutDelaying(let index):
      return "FAULT: \(Self.name(index))'s connection breaks; its create will be carried out some time"
    case .cutLagging(let index):
      return "FAULT: \(Self.name(index))'s connection breaks after all was carried out; the next server lags behind"
    case .answerLate(let index):
      let name = state.clients[index].blockers.first?.name ?? ""
      return "FAULT: \(Self.name(index)) hears late that \(name) is gone, for which it has waited before"
    case .arrive(let number):
      return "the create \(state.server.lateCreates[number].identifier) of a lost connection is carried out"
    case .deny(let index):
      let request = state.clients[index].requests.first.map(self.describe) ?? ""
      return "FAULT: the server refuses \(Self.name(index))'s \(request) for good"
    case .close(let index): return "FAULT: \(Self.name(index))'s client is closed"
    case .reject(let index):
      let request = state.clients[index].requests.first.map(self.describe) ?? ""
      return "the server answers \(Self.name(index))'s \(request): the session is over"
    case .askAgain(let index): return "\(Self.name(index)) asks for the lock once more"
    case .loseReply(let index):
      let message = state.clients[index].replies.first.map { self.describe($0.message) } ?? ""
      return "FAULT: \(Self.name(index)) never hears \(message)"
    case .refuse(let index, let onlyList):
      let request = onlyList ? "list, but not its create" : state.clients[index].requests.first.map(self.describe) ?? ""
      return "FAULT: the server refuses \(Self.name(index))'s \(request), because of its load"
    case .pause(let index): return "FAULT: \(Self.name(index)) is paused until its deadline is past"
    case .deleteByHand(let index, let node):
      return "FAULT: somebody deletes \(Self.name(index))'s node \(node) by hand"
    case .restart: return "FAULT: the server is started again; all connections break"
    }
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
    if !state.server.nodes.isEmpty { parts.append("in the queue: \(state.server.nodes.map(\.name))") }
    return parts.joined(separator: "; ")
  }

  private func describe(_ request: NodeQueueRequest) -> String {
    switch request {
    case .enter: "create and list"
    case .makeDirectory: "request to make the directory"
    case .list(_, let own, _, _, _, _): own == nil ? "search for what became of its create" : "list"
    case .inspect(_, let name, _): "look at node \(name)"
    case .watchBlocker(_, let name, _): "watch on its blocker \(name)"
    case .watchOwn(let node, _): "watch on its own node \(node.name)"
    case .delete(let node): "delete of \(node.name)"
    case .convert(_, let standing, let rule): "replacement of \(standing) by \(ModelMarker(rule.ownMarker))"
    case .findForm(let node, _, _, _): "search for what has become of \(node.name)"
    case .lookAtStranger(let name, _): "look at node \(name), of which nobody knows"
    case .search: "search for what an abandoned create has left"
    default: "\(request)"
    }
  }

  private func describe(_ message: ModelClient.Message) -> String {
    switch message {
    case .fired(let name, let attempt): "that \(attempt == nil ? "its own node" : "its blocker") \(name) is gone"
    case .reply(let event): self.describe(event)
    }
  }

  private func describe(_ event: NodeQueueEvent) -> String {
    switch event {
    case .entered(_, .success(let node), .success(let view)):
      "that \(node.name) is created, with \(view.ownIndex ?? -1) ahead"
    case .entered: "that there is no directory"
    case .directoryMade: "that the directory is made"
    case .listed(_, .success(let view)):
      view.ownIndex.map { "a list with \($0) ahead" } ?? "a list with these nodes of its attempt: \(view.matches)"
    case .inspected(_, .success(let node)): node == nil ? "that the node is not its own" : "that the node is its own"
    case .blockerWatched(_, _, .success): "that its blocker is watched"
    case .blockerWatched(_, _, .failure(.noNode)): "that its blocker is gone already"
    case .ownWatched(_, _, .success): "that its own node is watched"
    case .ownWatched(_, _, .failure(.noNode)): "that its own node is gone already"
    case .strangerSeen(_, _, .success(let node)):
      node == nil ? "that the node is not its own" : "that the node is its own"
    case .formed(_, .success(let form?)): "that \(form.name) stands\(form.isAlone ? ", alone" : "")"
    case .formed(_, .success(nil)): "that no node of its own stands"
    case .deleted(let node, _): "that \(node.name) is deleted"
    case .searched(_, _, .success(let view)): "what was left: \(view.matches)"
    default: "an error"
    }
  }
}
