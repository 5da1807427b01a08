internal import Latchkey

// A node that holds the lock is replaced in its place: a writer that goes on reading, a reader that would write. One transaction creates
// a node of the other kind with the same number and deletes the old one, so that nobody comes between.
//
// A reader becomes a writer only if a list that is newer than its new node shows no other contender. Two readers that wait for each
// other would wait for ever, so nobody waits: the node is taken back. Who lists first and converts then could miss a reader that
// comes between.
extension NodeQueue {
  /// What a node is being replaced by.
  struct Conversion: Sendable {
    enum Goal: Int, Sendable {
      case downgrade, upgrade, takeBack
    }

    enum Step: Int, Sendable {
      /// The transaction is in flight.
      case changing
      /// The transaction may have been carried out; nothing can be asked until the session is connected again or over.
      case inDoubt
      /// `sync` and list are in flight, to find what the transaction has left.
      case finding
      /// The servers refused because of their load.
      case paused
    }

    var goal: Goal
    /// The rule of the node that is to stand.
    var target: GrantRule
    /// The name that stood when that was known last.
    var standing: String
    var step = Step.changing
    /// Whether the holder has given up: what stands in the end is deleted.
    var isAbandoned = false
  }

  /// Exchanges a claim for one of another kind.
  ///
  /// Ends with ``ContentionAction/converted(_:into:)``, ``ContentionAction/unconverted(_:_:)`` or a loss.
  mutating func convert(_ node: NodeQueueNode, to want: Want) -> [NodeQueueAction] {
    guard let index = self.holdIndex(of: node), self.holds[index].conversion == nil else {
      return [.unconverted(node, nil)]
    }
    // Another node of this process is a contender as well.
    guard want == .shared || self.holds.count == 1 else { return [.unconverted(node, nil)] }
    let target = self.rule(want)
    self.holds[index].conversion = Conversion(
      goal: want == .shared ? .downgrade : .upgrade,
      target: target,
      standing: node.name
    )
    self.holds[index].ownWatch = nil
    let silence: [NodeQueueAction] = self.rules.silencesReplacedNodes ? [.send(.forgetOwnWatch(node))] : []
    guard self.connectedSession == node.session else {
      self.holds[index].conversion?.step = .inDoubt
      return silence
    }
    return silence + self.change(index)
  }

  private mutating func change(_ index: Int) -> [NodeQueueAction] {
    guard let conversion = self.holds[index].conversion else { return [] }
    self.holds[index].conversion?.step = .changing
    return [.send(.convert(self.holds[index].node, standing: conversion.standing, to: conversion.target))]
  }

  /// Finds out what a transaction without an answer has left.
  mutating func findForm(_ index: Int) -> [NodeQueueAction] {
    guard let conversion = self.holds[index].conversion else { return [] }
    guard self.rules.looksForForms else { return self.revert(index, nil) }
    self.holds[index].conversion?.step = .finding
    let hold = self.holds[index]
    return [
      .send(
        .findForm(hold.node, standing: conversion.standing, identifier: hold.identifier, to: conversion.target)
      )
    ]
  }

  mutating func conversionPauseOver(_ node: NodeQueueNode) -> [NodeQueueAction] {
    guard let index = self.holdIndex(of: node), self.holds[index].conversion?.step == .paused else { return [] }
    // The connection has gone meanwhile: it is looked for once it is back.
    guard self.connectedSession == node.session else {
      self.holds[index].conversion?.step = .inDoubt
      return []
    }
    return self.findForm(index)
  }

  /// It is known what stands of ours in the queue, or why not.
  mutating func formed(
    _ node: NodeQueueNode,
    _ result: Result<NodeQueueForm?, NodeQueueFailure>
  ) -> [NodeQueueAction] {
    guard let index = self.holdIndex(of: node), let conversion = self.holds[index].conversion else { return [] }
    switch result {
    case .success(let form?):
      self.holds[index].conversion?.standing = form.name
      return conversion.isAbandoned ? self.drop(index, form) : self.goOn(index, conversion, form)
    // Deleted by hand.
    case .success(nil), .failure(.noNode): return self.loseHold(index)
    case .failure(.inDoubt):
      guard self.connectedSession == node.session else {
        self.holds[index].conversion?.step = .inDoubt
        return []
      }
      return self.findForm(index)
    case .failure(.throttled):
      self.holds[index].conversion?.step = .paused
      return self.rules.repeatsRefused ? [.send(.pause(.conversion(node)))] : []
    case .failure(.sessionOver):
      // The client reports the end of the session by itself.
      self.holds[index].conversion?.step = .inDoubt
      return []
    case .failure(.permanent(let failure)):
      if conversion.step == .changing, conversion.goal != .takeBack {
        return conversion.isAbandoned
          ? self.drop(index, NodeQueueForm(name: conversion.standing, marker: self.holds[index].rule.ownMarker))
          : self.revert(index, failure)
      }
      // What stands is not known, or is not what the lease says: it cannot be kept.
      let identifier = self.holds[index].identifier
      let search = self.litter.search(identifier, session: node.session, connected: self.connectedSession)
      return search + self.loseHold(index)
    }
  }

  private mutating func goOn(_ index: Int, _ conversion: Conversion, _ form: NodeQueueForm) -> [NodeQueueAction] {
    guard form.marker == conversion.target.ownMarker else { return self.change(index) }
    switch conversion.goal {
    case .takeBack: return self.revert(index, nil)
    case .downgrade: return self.replace(index, conversion, form)
    case .upgrade:
      if form.isAlone { return self.replace(index, conversion, form) }
      guard self.rules.takesBackUpgrades else { return self.revert(index, nil) }
      let former = self.holds[index].rule
      self.holds[index].conversion?.goal = .takeBack
      self.holds[index].conversion?.target = former
      return self.change(index)
    }
  }

  /// The new node holds the lock in the old one's place.
  private mutating func replace(_ index: Int, _ conversion: Conversion, _ form: NodeQueueForm) -> [NodeQueueAction] {
    let (old, identifier) = (self.holds[index].node, self.holds[index].identifier)
    var new = NodeQueueNode(name: form.name, czxid: form.czxid, session: old.session)
    let isRegranted =
      conversion.goal == .downgrade ? self.rules.keepsTokenOfDowngraded : !self.rules.renewsTokenOfUpgraded
    if isRegranted { (new.czxid, new.minor) = (old.czxid, old.minor + 1) }
    self.holds[index] = Hold(node: new, rule: conversion.target, identifier: identifier)
    return [.converted(old, into: new)] + self.watchHoldsLater([new]) + self.enterIfFree()
  }

  /// The lease stands as it did before.
  private mutating func revert(_ index: Int, _ failure: LockFailure?) -> [NodeQueueAction] {
    self.holds[index].conversion = nil
    let node = self.holds[index].node
    return [.unconverted(node, failure)] + self.watchHoldsLater([node])
  }

  private mutating func drop(_ index: Int, _ form: NodeQueueForm) -> [NodeQueueAction] {
    let old = self.holds.remove(at: index).node
    let node = NodeQueueNode(name: form.name, czxid: old.czxid, session: old.session)
    return self.litter.delete(node, connected: self.connectedSession) + self.enterIfFree()
  }
}
