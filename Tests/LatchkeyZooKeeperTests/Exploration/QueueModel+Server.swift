import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// What the server does.
extension QueueModel {
  func carryOut(_ request: QueueAction, _ index: Int, _ state: inout State) -> ModelClient.Message? {
    switch request {
    case .enter(let attempt, let identifier, let session):
      let node = state.server.create(identifier, session: session)
      let own = node.map { QueueNode(name: $0.name, czxid: $0.czxid, session: session) }
      let view = self.view(own: own?.name, identifier: identifier, state.server)
      return .reply(.entered(attempt: attempt, create: own.map { .success($0) } ?? .failure(.noNode), view: view))
    case .makeDirectory(let attempt, _):
      state.server.isDirectoryMade = true
      return .reply(.directoryMade(attempt: attempt, .success(())))
    case .list(let attempt, let own, let identifier, _, _):
      return .reply(.listed(attempt: attempt, self.view(own: own, identifier: identifier, state.server)))
    case .inspect(let attempt, let name, let session):
      var own: QueueNode?
      if let place = state.server.place(of: name) {
        let node = state.server.nodes[place]
        let isOurs = node.session == session || !self.shell.checksOwnership
        if isOurs { own = QueueNode(name: name, czxid: node.czxid, session: session) }
      }
      return .reply(.inspected(attempt: attempt, .success(own)))
    case .watchPredecessor(let attempt, let name, let session):
      let isSet = state.server.watch(ModelServer.Watch(session: session, name: name, attempt: attempt))
      let isTold = !isSet && self.shell.reportsMissingNodes
      return .reply(.predecessorWatched(attempt: attempt, isTold ? .failure(.noNode) : .success(())))
    case .watchOwn(let node):
      let isSet = state.server.watch(ModelServer.Watch(session: node.session, name: node.name, attempt: nil))
      return .ownWatched(node, isThere: isSet)
    case .delete(let node):
      guard let fired = state.server.delete(node.name) else { return .reply(.deleted(node, .failure(.noNode))) }
      self.fire(fired, &state)
      return .reply(.deleted(node, .success(())))
    case .search(let identifier, let session):
      let view = self.view(own: nil, identifier: identifier, state.server)
      return .reply(.searched(identifier: identifier, session: session, view))
    default:
      return nil
    }
  }

  /// Answers a request that is not carried out; of create and list, perhaps the list alone.
  func refuse(_ request: QueueAction, onlyList: Bool, _ index: Int, _ state: inout State) -> ModelClient.Message {
    if onlyList, case .reply(.entered(let attempt, let create, _)) = self.carryOut(request, index, &state) {
      return .reply(.entered(attempt: attempt, create: create, view: .failure(.throttled)))
    }
    return request.refusal
  }

  private func view(own: String?, identifier: String, _ server: ModelServer) -> Result<QueueView, QueueFailure> {
    guard server.isDirectoryMade else { return .failure(.noNode) }
    let index = own.flatMap { server.place(of: $0) }
    var view = QueueView(ownIndex: index, first: server.nodes.first?.name, count: server.nodes.count)
    if let index, index > 0 { view.predecessor = server.nodes[index - 1].name }
    for node in server.nodes where !self.shell.checksOwnership || node.name.hasPrefix("\(identifier)-") {
      view.matches.append(node.name)
    }
    return .success(view)
  }

  func fire(_ watches: [ModelServer.Watch], _ state: inout State) {
    for watch in watches {
      for index in state.clients.indices where state.clients[index].session == watch.session {
        state.clients[index].replies.append(.fired(name: watch.name, attempt: watch.attempt))
      }
    }
  }
}

extension QueueAction {
  var isWatch: Bool {
    switch self {
    case .watchPredecessor, .watchOwn: true
    default: false
    }
  }

  /// What the client hears of a request that the server refuses because of its load.
  var refusal: ModelClient.Message {
    switch self {
    case .enter(let attempt, _, _):
      .reply(.entered(attempt: attempt, create: .failure(.throttled), view: .failure(.throttled)))
    case .makeDirectory(let attempt, _): .reply(.directoryMade(attempt: attempt, .failure(.throttled)))
    case .list(let attempt, _, _, _, _): .reply(.listed(attempt: attempt, .failure(.throttled)))
    case .inspect(let attempt, _, _): .reply(.inspected(attempt: attempt, .failure(.throttled)))
    case .watchPredecessor(let attempt, _, _): .reply(.predecessorWatched(attempt: attempt, .failure(.throttled)))
    case .watchOwn(let node): .ownWatchRefused(node)
    case .delete(let node): .reply(.deleted(node, .failure(.throttled)))
    case .search(let identifier, let session):
      .reply(.searched(identifier: identifier, session: session, .failure(.throttled)))
    default: preconditionFailure("no request")
    }
  }

  /// What the client hears of a request whose reply never comes.
  var lostReply: QueueEvent? {
    switch self {
    case .enter(let attempt, _, _):
      .entered(attempt: attempt, create: .failure(.inDoubt), view: .failure(.inDoubt))
    case .makeDirectory(let attempt, _): .directoryMade(attempt: attempt, .failure(.inDoubt))
    case .list(let attempt, _, _, _, _): .listed(attempt: attempt, .failure(.inDoubt))
    case .inspect(let attempt, _, _): .inspected(attempt: attempt, .failure(.inDoubt))
    case .watchPredecessor(let attempt, _, _): .predecessorWatched(attempt: attempt, .failure(.inDoubt))
    case .watchOwn(let node): .ownWatchFailed(node)
    case .delete(let node): .deleted(node, .failure(.inDoubt))
    case .search(let identifier, let session):
      .searched(identifier: identifier, session: session, .failure(.inDoubt))
    default: nil
    }
  }
}
