internal import Latchkey
internal import ZooKeeper

// Nodes that are replaced in their place: one transaction creates a node with another marker and the same number, and deletes the old
// one. The node keeps its place in the queue; the servers refuse the transaction if the session is over.
extension Contention where Backend == NodeQueueBackend {
  /// Exchanges the claim of a lease for one of another kind.
  ///
  /// - Returns: The lease of the new claim; nil if others are in the way, and the lease stands as before.
  /// - Throws: `lockLost`, `notSupported`, or why the servers refused. The lease is still to be released.
  func convert(_ lease: ZooKeeperLease, to want: Want) async throws(LockError) -> ZooKeeperLease? {
    guard !ContenderIdentity.isNearWrap(lease.node.name) else {
      throw LockError(
        .notSupported,
        name: self.name,
        message: """
          the lock's directory \(self.shell.directory) has nearly used up its sequence numbers, so a node in it cannot be \
          replaced in its place; release the lock and acquire it anew, or let everybody go so that the directory is made again
          """
      )
    }
    return try await self.convert(lease) { machine, _ in machine.convert(lease.node, to: want) }
  }

  func replace(_ node: NodeQueueNode, _ standing: String, _ rule: GrantRule, _ session: ZKSession) {
    let name = ContenderIdentity.name(like: standing, marker: rule.ownMarker)
    let form = NodeQueueForm(name: name, marker: rule.ownMarker)
    // Created first: whoever sees half of it sees a contender too many.
    let operations: [ZooKeeperClient.Operation] = [
      .create(self.shell.path(name), data: self.shell.data, mode: .ephemeral, acl: self.shell.acl),
      .delete(self.shell.path(standing)),
    ]
    if rule.isShared {
      return session.transaction(operations, defaultACL: self.shell.acl) { result in
        self.handle(.formed(node, self.formed(form, result)))
      }
    }
    // Sent behind the transaction in the same flight, so the list is newer than the node.
    let flight = FormFlight(FormAnswers(), of: 3) { answers in
      switch answers.change {
      case .success?:
        // What is refused now was carried out all the same: only a look says what stands.
        let found = answers.judged(form).mapError { failure -> NodeQueueFailure in failure.isFinal ? .inDoubt : failure
        }
        self.handle(.formed(node, found))
      case let change?: self.handle(.formed(node, change))
      case nil: preconditionFailure("a part of the flight has no answer")
      }
    }
    session.transaction(operations, defaultACL: self.shell.acl) { result in
      flight.answered { $0.change = self.formed(form, result) }
    }
    self.judge(form, session, flight)
  }

  func findForm(
    of node: NodeQueueNode,
    _ standing: String,
    _ identifier: String,
    _ rule: GrantRule,
    _ session: ZKSession
  ) {
    let target = NodeQueueForm(
      name: ContenderIdentity.name(like: standing, marker: rule.ownMarker),
      marker: rule.ownMarker
    )
    let flight = FormFlight(FormAnswers(), of: 2) { answers in
      let found = answers.matches.flatMap { matches -> Result<NodeQueueForm?, NodeQueueFailure> in
        if matches.contains(target.name) { return answers.judged(target) }
        // By its whole name: another node of the same attempt may have been created late.
        guard matches.contains(standing), let marker = ContenderIdentity.marker(of: standing, among: rule.markers.all)
        else { return .success(nil) }
        return .success(NodeQueueForm(name: standing, marker: marker))
      }
      self.handle(.formed(node, found))
    }
    self.judge(target, session, flight, identifier, sync: true)
  }

  /// Lists the directory and reads a node, in one flight.
  private func judge(
    _ form: NodeQueueForm,
    _ session: ZKSession,
    _ flight: FormFlight,
    _ identifier: String? = nil,
    sync: Bool = false
  ) {
    session.scan(
      directory: self.shell.directory,
      own: form.name,
      matchPrefix: identifier.map { ContenderIdentity.searchPrefix($0) },
      markers: GrantRule.writing.markers,
      sync: sync
    ) { result in
      flight.answered { $0.scan = self.reduced(result) }
    }
    session.exists(self.shell.path(form.name)) { result in
      flight.answered { $0.stat = self.reduced(result) }
    }
  }

  /// What a transaction means for the node that it was to make.
  private func formed(
    _ form: NodeQueueForm,
    _ result: Result<[ZooKeeperClient.OperationResult], TransactionFailure>
  ) -> Result<NodeQueueForm?, NodeQueueFailure> {
    switch result {
    case .success: .success(form)
    // An earlier attempt of which nobody knew was carried out after all: it must be looked what stands.
    case .failure(let failure) where failure.error.code == .nodeExists: .failure(.inDoubt)
    case .failure(let failure): self.reduced(.failure(failure.error))
    }
  }
}

private typealias FormFlight = Flight<FormAnswers>

/// The answers to the parts of a flight that finds out in which form a node stands.
private struct FormAnswers: Sendable {
  /// The transaction's, where there is one.
  var change: Result<NodeQueueForm?, NodeQueueFailure>?
  var scan: Result<SequenceScan, NodeQueueFailure> = .failure(.inDoubt)
  var stat: Result<Stat?, NodeQueueFailure> = .failure(.inDoubt)

  var matches: Result<[String], NodeQueueFailure> { self.scan.map(\.matches) }

  /// The node as list and look show it; nil if it is gone.
  func judged(_ form: NodeQueueForm) -> Result<NodeQueueForm?, NodeQueueFailure> {
    self.scan.flatMap { scan in
      self.stat.map { stat in
        stat.map { stat in
          NodeQueueForm(
            name: form.name,
            marker: form.marker,
            czxid: stat.createdBy,
            isAlone: scan.ownIndex != nil && scan.count == 1
          )
        }
      }
    }
  }
}

extension NodeQueueFailure {
  /// Whether asking again does not help.
  fileprivate var isFinal: Bool {
    if case .permanent = self { true } else { false }
  }
}
