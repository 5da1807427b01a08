import Latchkey
import LatchkeyExplorer
import LatchkeyTesting

@testable import LatchkeyZooKeeper

/// Holders that go on reading after writing, or would write after reading.
extension QueueModel {
  func convert(_ index: Int, _ number: Int, _ state: inout State) throws(BrokenPromise) {
    let hold = state.clients[index].holds[number]
    let conversion = state.clients[index].holds[number].then.removeFirst()
    let isWriting = ModelMarker(of: hold.node.name) == .writing
    // What an attempt before has not brought about is left out.
    guard isWriting == (conversion == .downgrade) else { return }
    guard hold.callers == 1 || !self.shell.sparesBatches else { return }
    state.clients[index].holds[number].isConverting = true
    try self.step(index, &state) { machine, _ in
      machine.convert(hold.node, to: conversion == .downgrade ? .shared : .exclusive)
    }
  }

  /// A claim was exchanged for another one.
  func convert(
    _ old: NodeQueueNode,
    into new: NodeQueueNode,
    _ index: Int,
    _ state: inout State
  ) throws(BrokenPromise) {
    let name = Self.name(index)
    guard let number = state.clients[index].holds.firstIndex(where: { $0.node == old && $0.isConverting }) else {
      throw BrokenPromise("\(name) is given another node for one that it does not hold")
    }
    // A lease whose deadline has passed is lost, whatever stands.
    if state.clients[index].holds[number].isHeld { try self.noteToken(of: new, index, &state) }
    state.clients[index].holds[number].node = new
    state.clients[index].holds[number].isConverting = false
    self.noteHolders(&state)
  }

  /// A claim stands as it did before.
  func keep(
    _ node: NodeQueueNode,
    _ failure: LockFailure?,
    _ index: Int,
    _ state: inout State
  ) throws(BrokenPromise) {
    guard let number = state.clients[index].holds.firstIndex(where: { $0.node == node && $0.isConverting }) else {
      throw BrokenPromise("\(Self.name(index)) keeps a node that it does not hold")
    }
    state.clients[index].holds[number].isConverting = false
    guard failure != nil else { return }
    guard state.clients[index].isDenied else {
      throw BrokenPromise("\(Self.name(index)) is told of an error, though asking again would help")
    }
    // The lease is given back.
    state.clients[index].holds[number].then = []
  }

  func lose(_ node: NodeQueueNode, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let client = state.clients[index]
    state.clients[index].holds.removeAll { $0.node == node }
    guard client.isSessionAlive, !client.isDenied else { return }
    let forms = ModelClient.Hold(node: node).forms
    guard !state.server.nodes.contains(where: { $0.session == client.session && forms.contains($0.name) }) else {
      throw BrokenPromise("\(Self.name(index)) is told of a loss that is none")
    }
  }

  /// Notes a grant: its token is greater than those of all grants before that it would be in conflict with.
  func noteToken(of node: NodeQueueNode, _ index: Int, _ state: inout State) throws(BrokenPromise) {
    let marker = ModelMarker(of: node.name)
    guard node.token > state.lastToken(against: marker) || state.deletedByHand.contains(node.name) else {
      throw BrokenPromise("\(Self.name(index)) is granted the lock with a token that is not greater than the last")
    }
    state.lastTokens[marker.rawValue] = max(state.lastTokens[marker.rawValue], node.token)
  }

  /// Whether a node is that of a reader that would write, which reads until that is settled, or of one that has given up.
  func isTried(_ node: ModelServer.Node, _ state: State) -> Bool {
    state.clients.contains { client in
      client.machine.litter.holds(node.name) || client.machine.litter.searches.contains(node.identifier)
        || client.machine.holds.contains {
          $0.conversion != nil && $0.rule.isShared && ModelClient.Hold(node: $0.node).forms.contains(node.name)
        }
    }
  }

  /// A reader joins those of its process who read already.
  ///
  /// - Returns: Whether there are any.
  func joinBatch(_ index: Int, _ caller: ModelCaller, _ state: inout State) throws(BrokenPromise) -> Bool {
    let client = state.clients[index]
    guard caller.want == .shared, client.waiting.isEmpty,
      let number = client.holds.firstIndex(where: { ModelMarker(of: $0.node.name) == .reading && $0.isHeld })
    else { return false }
    guard !state.server.nodes.contains(where: { $0.marker == .writing }) else {
      throw BrokenPromise("\(Self.name(index)) reads before a writer that came first")
    }
    state.clients[index].holds[number].callers += 1
    return true
  }

  /// Curator's way: first another node of the same number, then the writer's goes.
  func downgradeOutsider(_ state: inout State) {
    guard state.outsider.count == 1 else {
      return self.fire(state.server.delete(state.outsider.removeFirst()) ?? [], &state)
    }
    guard let place = state.server.place(of: state.outsider[0]) else { return }
    let node = state.server.nodes[place]
    state.outsider.append(state.server.create("8.", .reading, number: node.number, session: node.session).name)
  }

  // MARK: The server

  /// Replaces a node. Who would write after reading lists the directory behind that: others may come between the two.
  func replace(
    _ node: NodeQueueNode,
    _ standing: String,
    by rule: GrantRule,
    _ index: Int,
    _ state: inout State
  ) -> ModelClient.Message? {
    let (marker, halfway) = (ModelMarker(rule.ownMarker), state.clients[index].halfway)
    let isJudged = marker == .writing
    state.clients[index].halfway = nil
    switch halfway {
    case .replaced(let name):
      return .reply(.formed(node, .success(self.form(name, isAlone: self.isAlone(name, state), state))))
    case .listed(let isAlone):
      let made = self.exchange(standing, by: marker, &state)
      return .reply(.formed(node, made.map { self.form($0, isAlone: isAlone, state) }))
    case .deleted(let session):
      let made = self.recreate(standing, marker, session: session, &state)
      return .reply(.formed(node, .success(self.form(made, isAlone: false, state))))
    case nil: break
    }
    if isJudged, !self.shell.listsBehindReplacement {
      state.clients[index].halfway = .listed(isAlone: self.isAlone(standing, state))
      return nil
    }
    if !self.shell.replacesAtOnce {
      guard let place = state.server.place(of: standing) else { return .reply(.formed(node, .failure(.noNode))) }
      state.clients[index].halfway = .deleted(by: state.server.nodes[place].session)
      self.fire(state.server.delete(standing) ?? [], &state)
      return nil
    }
    switch self.exchange(standing, by: marker, &state) {
    case .failure(let failure): return .reply(.formed(node, .failure(failure)))
    case .success(let name) where isJudged:
      state.clients[index].halfway = .replaced(by: name)
      return nil
    case .success(let name): return .reply(.formed(node, .success(self.form(name, isAlone: false, state))))
    }
  }

  private func exchange(
    _ standing: String,
    by marker: ModelMarker,
    _ state: inout State
  ) -> Result<String, NodeQueueFailure> {
    // Who finds the new node there looks what stands.
    if state.server.place(of: marker.name(like: standing)) != nil { return .failure(.inDoubt) }
    guard let made = state.server.replace(standing, by: marker, keepsNumber: self.shell.keepsNumber) else {
      return .failure(.noNode)
    }
    self.fire(made.fired, &state)
    return .success(made.node.name)
  }

  private func recreate(
    _ standing: String,
    _ marker: ModelMarker,
    session: UInt64,
    _ state: inout State
  ) -> String {
    let parts = standing.split(separator: ModelMarker(of: standing).letter)
    return state.server.create(String(parts[0]), marker, number: Int64(parts[1]), session: session).name
  }

  /// What stands of a node that was to be replaced.
  func findForm(_ standing: String, of identifier: String, _ rule: GrantRule, _ state: State) -> NodeQueueForm? {
    let names = [ModelMarker(rule.ownMarker).name(like: standing), standing]
    let node = names.compactMap { state.server.place(of: $0) }.first.map { state.server.nodes[$0] }
    let any = state.server.nodes.last { $0.identifier == identifier }
    return (self.shell.findsByName ? node : any).flatMap {
      self.form($0.name, isAlone: self.isAlone($0.name, state), state)
    }
  }

  private func form(_ name: String, isAlone: Bool, _ state: State) -> NodeQueueForm? {
    state.server.place(of: name).map { place in
      let node = state.server.nodes[place]
      return NodeQueueForm(name: name, marker: node.marker.text, czxid: node.czxid, isAlone: isAlone)
    }
  }

  private func isAlone(_ name: String, _ state: State) -> Bool {
    let others = state.server.nodes.filter { $0.name != name }
    // To count sharers alone: those before the first writer.
    return self.shell.givesWayToAll ? others.isEmpty : others.first?.marker != .reading
  }
}

extension ModelClient.Hold {
  /// The names that the node may have.
  var forms: [String] {
    [ModelMarker.reading, .writing].map { $0.name(like: self.node.name) } + [self.node.name]
  }
}

extension NodeQueueNode {
  /// The fencing token as one number.
  var token: Int64 { self.czxid << 8 + Int64(self.minor) }
}
