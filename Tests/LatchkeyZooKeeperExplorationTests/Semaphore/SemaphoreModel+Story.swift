import Latchkey
import LatchkeyExplorer

@testable import LatchkeyZooKeeper

/// What happens, in words.
extension SemaphoreModel {
  func describe(_ step: Step, in state: State) -> String {
    switch step {
    case .join(let index):
      let caller = state.clients[index].callers[0]
      return "\(Self.name(index)) \(caller.isPatient ? "asks" : "tries") for \(caller.permits)"
    case .askAgain(let index): return "somebody asks once more with \(Self.name(index))"
    case .release(let index, let hold):
      return "\(Self.name(index)) gives back \(Self.words(state.clients[index].holds[hold].claim))"
    case .serve(let index): return "the server goes on with \(Self.name(index))'s \(self.words(state, index))"
    case .hear(let index):
      return "\(Self.name(index)) hears \(state.clients[index].replies[0].event)"
    case .getInLine(let index): return "\(Self.name(index)) gets into line"
    case .tellToWait(let index): return "\(Self.name(index)) hears that it waits in line"
    case .tellToHead(let index): return "\(Self.name(index)) hears that it heads the line"
    case .beat(let index): return "\(Self.name(index)) watches its own nodes"
    case .prove(let index): return "\(Self.name(index))'s session is proven to live"
    case .resume(let index): return "\(Self.name(index))'s pause is over"
    case .reconnect(let index): return "\(Self.name(index)) connects again"
    case .expire(let index): return "\(Self.name(index))'s session expires"
    case .renew(let index): return "\(Self.name(index)) gets a new session"
    case .arrive(let number): return "a create of \(state.late[number].identifier) is carried out late"
    case .curator(let index):
      let deeds = ["gets into line", "creates a node", "counts and is granted", "gives back its permit"]
      return "Curator \(index) \(deeds[state.curators[index].step])"
    case .moveLimit: return "the limit becomes \(state.moves.first ?? 0)"
    case .cancel(let index, let first): return "the \(first ? "first" : "last") caller of \(Self.name(index)) gives up"
    case .cut(let index, let tellsCreate):
      return "\(Self.name(index)) loses its connection\(tellsCreate ? ", after it heard of its create" : "")"
    case .delay(let index): return "\(Self.name(index)) loses its connection, its create is still to come"
    case .refuse(let index, _): return "the server refuses \(Self.name(index))'s \(self.words(state, index))"
    case .pause(let index): return "\(Self.name(index))'s deadline passes"
    case .deleteByHand(_, let name): return "somebody deletes \(name)"
    case .deletePlace(let index): return "somebody deletes \(Self.name(index))'s place in line"
    }
  }

  private func words(_ state: State, _ index: Int) -> String { "\(state.clients[index].requests[0])" }

  private static func words(_ claim: PermitClaim) -> String { claim.names.joined(separator: " and ") }

  func describe(_ state: State) -> String {
    let clients = state.clients.enumerated().map { index, client in
      "\(Self.name(index)): \(client.machine.phase), \(client.waiting.count) wait, \(client.holds.count) hold"
    }
    let permits = "permits \(state.server.names), limit \(state.server.limit ?? -1), line \(state.server.line)"
    return "\(permits); \(clients.joined(separator: "; "))"
  }
}
