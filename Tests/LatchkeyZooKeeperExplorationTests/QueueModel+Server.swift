import Latchkey
import LatchkeyTesting
import ZooKeeper

@testable import LatchkeyZooKeeper

/// What the server does.
extension QueueModel {
  func carryOut(_ request: NodeQueueRequest, _ index: Int, _ state: inout State) -> ModelClient.Message? {
    // A server that lags behind has caught up by the time of anything else.
    if case .list(_, _, _, _, sync: false, _) = request {} else { state.clients[index].laggingNodes = nil }
    switch request {
    case .enter(let attempt, let identifier, let rule, let session):
      let node = state.server.create(identifier, ModelMarker(rule.ownMarker), session: session)
      let own = node.map { NodeQueueNode(name: $0.name, czxid: $0.czxid, session: session) }
      let view = self.view(own: own?.name, identifier: identifier, rule, index, state)
      return .reply(.entered(attempt: attempt, create: own.map { .success($0) } ?? .failure(.noNode), view: view))
    case .makeDirectory(let attempt, _):
      state.server.isDirectoryMade = true
      return .reply(.directoryMade(attempt: attempt, .success(())))
    case .list(let attempt, let own, let identifier, let rule, _, _):
      return .reply(.listed(attempt: attempt, self.view(own: own, identifier: identifier, rule, index, state)))
    case .inspect(let attempt, let name, let session):
      return .reply(.inspected(attempt: attempt, self.look(at: name, session, state.server)))
    case .lookAtStranger(let name, let session):
      return .reply(.strangerSeen(name, session: session, self.look(at: name, session, state.server)))
    case .watchBlocker(let attempt, let name, let session):
      let isSet = state.server.watch(ModelServer.Watch(session: session, name: name, attempt: attempt))
      let isTold = !isSet && self.shell.reportsMissingNodes
      return .reply(
        .blockerWatched(attempt: attempt, name: name, isTold ? .failure(.noNode) : .success(()))
      )
    case .watchOwn(let node, let number):
      let isSet = state.server.watch(ModelServer.Watch(session: node.session, name: node.name, attempt: nil))
      return .reply(.ownWatched(node, watch: number, isSet ? .success(()) : .failure(.noNode)))
    case .delete(let node):
      guard let fired = state.server.delete(node.name) else { return .reply(.deleted(node, .failure(.noNode))) }
      self.fire(fired, &state)
      return .reply(.deleted(node, .success(())))
    case .convert(let node, let standing, let rule): return self.replace(node, standing, by: rule, index, &state)
    case .findForm(let node, let standing, let identifier, let rule):
      return .reply(.formed(node, .success(self.findForm(standing, of: identifier, rule, state))))
    case .search(let identifier, let session):
      let view = self.view(own: nil, identifier: identifier, nil, index, state)
      return .reply(.searched(identifier: identifier, session: session, view))
    default:
      return nil
    }
  }

  /// Answers a request that is not carried out; of create and list, perhaps the list alone.
  func refuse(_ request: NodeQueueRequest, onlyList: Bool, _ index: Int, _ state: inout State) -> ModelClient.Message {
    if onlyList, case .reply(.entered(let attempt, let create, _)) = self.carryOut(request, index, &state) {
      return .reply(.entered(attempt: attempt, create: create, view: .failure(.throttled)))
    }
    guard let reply = request.reply(.throttled) else { preconditionFailure("no request") }
    return .reply(reply)
  }

  private func look(
    at name: String,
    _ session: UInt64,
    _ server: ModelServer
  ) -> Result<NodeQueueNode?, NodeQueueFailure> {
    guard let place = server.place(of: name) else { return .success(nil) }
    let node = server.nodes[place]
    guard node.session == session || !self.shell.checksOwnership else { return .success(nil) }
    return .success(NodeQueueNode(name: name, czxid: node.czxid, session: session))
  }

  private func view(
    own: String?,
    identifier: String,
    _ rule: GrantRule?,
    _ client: Int,
    _ state: State
  ) -> Result<NodeQueueView, NodeQueueFailure> {
    guard state.server.isDirectoryMade else { return .failure(.noNode) }
    let nodes = state.clients[client].laggingNodes ?? state.server.nodes
    var view = NodeQueueView()
    if let rule {
      let contenders = nodes.filter { rule.markers.all.contains($0.marker.text) }
      let index = own.flatMap { own in contenders.firstIndex { $0.name == own } }
      let ahead = contenders[..<(index ?? 0)]
      var blockers = ahead.filter { rule.blockers.contains($0.marker.text) }
      if !self.shell.readersWaitForWaitingWriters, rule.ownMarker == GrantRule.reading.ownMarker {
        blockers.removeAll { $0.name != contenders.first?.name }
      }
      let nearest = self.shell.nearestOneBlocks ? blockers.last : ahead.last
      view = NodeQueueView(
        ownIndex: index,
        blockers: blockers.count,
        blocker: nearest?.name,
        marker: nearest?.marker.text,
        first: contenders.first?.name,
        count: contenders.count
      )
    }
    for node in nodes {
      if node.name.hasPrefix("\(client).") { view.ours.append(node.name) }
      if !self.shell.checksOwnership || node.identifier == identifier { view.matches.append(node.name) }
    }
    return .success(view)
  }

  /// Puts a message on its way to a client.
  func post(_ message: ModelClient.Message, to index: Int, _ state: inout State) {
    let client = state.clients[index]
    let gone = state.deletedByHand.filter { name in name.hasPrefix("\(index).") && !client.toldGone.contains(name) }
    state.clients[index].replies.append(ModelClient.Posted(message: message, gone: gone))
  }

  func fire(_ watches: [ModelServer.Watch], _ state: inout State) {
    for watch in watches {
      for index in state.clients.indices where state.clients[index].session == watch.session {
        self.post(.fired(name: watch.name, attempt: watch.attempt), to: index, &state)
      }
    }
  }
}

extension NodeQueueRequest {
  var isWatch: Bool {
    switch self {
    case .watchBlocker, .watchOwn: true
    default: false
    }
  }

  var isCreate: Bool {
    if case .enter = self { true } else { false }
  }

  /// What the client hears of a request that has no result.
  func reply(_ failure: NodeQueueFailure) -> NodeQueueEvent? {
    switch self {
    case .enter(let attempt, _, _, _): .entered(attempt: attempt, create: .failure(failure), view: .failure(failure))
    case .makeDirectory(let attempt, _): .directoryMade(attempt: attempt, .failure(failure))
    case .list(let attempt, _, _, _, _, _): .listed(attempt: attempt, .failure(failure))
    case .inspect(let attempt, _, _): .inspected(attempt: attempt, .failure(failure))
    case .watchBlocker(let attempt, let name, _):
      .blockerWatched(attempt: attempt, name: name, .failure(failure))
    case .watchOwn(let node, let watch): .ownWatched(node, watch: watch, .failure(failure))
    case .delete(let node): .deleted(node, .failure(failure))
    case .search(let identifier, let session): .searched(identifier: identifier, session: session, .failure(failure))
    case .lookAtStranger(let name, let session): .strangerSeen(name, session: session, .failure(failure))
    case .convert(let node, _, _), .findForm(let node, _, _, _): .formed(node, .failure(failure))
    default: nil
    }
  }

  /// What the client hears of a request that it may not make; nil if servers never say that of it, or if a node would be left.
  var denial: NodeQueueEvent? {
    switch self {
    case .enter, .makeDirectory, .list, .watchBlocker, .watchOwn, .convert, .findForm: self.reply(.permanent(.modelled))
    default: nil
    }
  }
}
