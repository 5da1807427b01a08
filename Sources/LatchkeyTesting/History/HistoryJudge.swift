/// Judges a history. Accuses of nothing that did not certainly happen: an interval in which a lease was held reaches from the
/// end of the first question to the beginning of the last that were answered with yes.
package struct HistoryJudge: Sendable {
  /// What is allowed for what clocks and schedulers do.
  package struct Limits: Hashable, Sendable {
    /// How late a loss may be told, beyond the time in which the process did not run at all.
    package var lossTold: UInt64 = 500_000_000
    /// How much longer than its budget a call may take, likewise.
    package var budget: UInt64 = 1_500_000_000
    /// How soon each client must have had the lock after the faults.
    package var progress: UInt64 = 20_000_000_000

    package init() {}
  }

  let limits: Limits
  let excuses: [Excuse]

  package init(limits: Limits = Limits(), excuses: [Excuse] = []) {
    self.limits = limits
    self.excuses = excuses
  }

  /// What is wrong with a history, in order of time.
  package func findings(in history: ClientHistory) -> [Breach] {
    var findings = self.exclusion(history)
    findings += self.tokens(history)
    findings += self.writes(history)
    findings += self.leases(history)
    findings += self.requests(history)
    findings += self.progress(history)
    findings += history.ends.compactMap { end in
      end.complaint.map { Breach(kind: .process, text: "client \(end.client + 1): \($0)", at: end.at) }
    }
    findings += history.leftovers.map { Breach(kind: .leftBehind, text: $0) }
    return findings.sorted { ($0.at ?? .max) < ($1.at ?? .max) }
  }

  // MARK: Exclusion

  private func exclusion(_ history: ClientHistory) -> [Breach] {
    Self.overlaps(history.leases).map { first, second, during in
      Breach(
        kind: .overlap,
        text:
          "\(first.holder) and \(second.holder) both held the lock for \(Self.time(during.upperBound - during.lowerBound))",
        at: during.lowerBound,
        excuse: self.excuse(first, second)
      )
    }
  }

  /// All pairs of leases that were certainly held at once, in order of time.
  private static func overlaps(_ leases: [LeaseRecord]) -> [(LeaseRecord, LeaseRecord, during: Range<UInt64>)] {
    var found: [(LeaseRecord, LeaseRecord, Range<UInt64>)] = []
    var active: [(lease: LeaseRecord, until: UInt64)] = []
    for lease in self.inOrder(leases) {
      guard let held = lease.certainlyHeld else { continue }
      active.removeAll { $0.until <= held.lowerBound }
      for other in active {
        let end = min(other.until, held.upperBound)
        if end > held.lowerBound { found.append((other.lease, lease, held.lowerBound..<end)) }
      }
      active.append((lease, held.upperBound))
    }
    return found
  }

  /// Why an overlap is none of ours: one of the two had lost its claim by a fault before the other was seen to hold.
  private func excuse(_ first: LeaseRecord, _ second: LeaseRecord) -> String? {
    for excuse in self.excuses {
      for (victim, winner) in [(first, second), (second, first)] where excuse.affects(victim) {
        if excuse.from <= (winner.firstHeld ?? 0) { return excuse.reason }
      }
    }
    return nil
  }

  // MARK: Tokens

  private func tokens(_ history: ClientHistory) -> [Breach] {
    var seen: Set<VerifyToken> = []
    let leases = Self.inOrder(history.leases).compactMap { lease -> Breach? in
      let at = lease.firstHeld ?? lease.asked
      guard let token = lease.token else {
        return history.isFenced ? Breach(kind: .noToken, text: "\(lease.holder) was given no token", at: at) : nil
      }
      if seen.insert(token).inserted { return nil }
      return Breach(kind: .tokenOrder, text: "\(lease.holder) was given token \(token) a second time", at: at)
    }
    let order = Self.regressions(history.leases).compactMap { later, token, earlier, last -> Breach? in
      guard token < last, !self.areConcurrent(earlier, later) else { return nil }
      let text = "\(later.holder) was given token \(token) after \(earlier.holder) had \(last)"
      return Breach(kind: .tokenOrder, text: text, at: later.firstHeld)
    }
    return leases + order
  }

  /// All leases whose token is not greater than the greatest before them, in order of time.
  static func regressions(
    _ leases: [LeaseRecord]
  ) -> [(later: LeaseRecord, token: VerifyToken, earlier: LeaseRecord, last: VerifyToken)] {
    var found: [(LeaseRecord, VerifyToken, LeaseRecord, VerifyToken)] = []
    var greatest: (lease: LeaseRecord, token: VerifyToken)?
    // One that was over before anybody could look may have been granted long before it was heard of.
    for lease in self.inOrder(leases) where lease.certainlyHeld != nil {
      guard let token = lease.token else { continue }
      if let (earlier, last) = greatest, token <= last {
        found.append((lease, token, earlier, last))
      } else {
        greatest = (lease, token)
      }
    }
    return found
  }

  /// Whether nothing says which of two grants came first: only where a fault has made two holders.
  private func areConcurrent(_ first: LeaseRecord, _ second: LeaseRecord) -> Bool {
    second.asked < (first.firstHeld ?? 0) && self.excuse(first, second) != nil
  }

  // MARK: Writes

  private func writes(_ history: ClientHistory) -> [Breach] {
    func key(_ client: Int, _ life: Int, _ worker: Int, _ lease: Int) -> [Int] { [client, life, worker, lease] }
    let leases = Dictionary(
      history.leases.map { (key($0.client, $0.life, $0.worker, $0.number), $0) },
      uniquingKeysWith: { $1 }
    )
    var findings: [Breach] = []
    var greatest: VerifyToken?
    var latest: LeaseRecord?
    for write in history.writes.sorted(by: { $0.at < $1.at }) where write.wasAccepted {
      guard let token = write.token else { continue }
      guard let lease = leases[key(write.client, write.life, write.worker, write.lease)] else { continue }
      let isOvertaken = latest.map { $0.asked > (lease.firstHeld ?? .max) } ?? false
      if greatest.map({ token < $0 }) ?? false || isOvertaken {
        findings.append(
          Breach(
            kind: .staleWrite,
            text: "the resource accepted a write of \(lease.holder) with token \(token) after one with "
              + "\(greatest.map { "\($0)" } ?? "none") of a later holder",
            at: write.at
          )
        )
      }
      greatest = max(greatest ?? token, token)
      if lease.asked > (latest?.asked ?? 0) { latest = lease }
    }
    return findings
  }

  // MARK: Leases

  private func leases(_ history: ClientHistory) -> [Breach] {
    var findings: [Breach] = []
    for lease in history.leases {
      if let at = lease.heldAfterDeadline {
        findings.append(
          Breach(kind: .heldAfterDeadline, text: "\(lease.holder): isHeld was true after its deadline", at: at)
        )
      }
      if let at = lease.heldAgain {
        findings.append(Breach(kind: .heldAgain, text: "\(lease.holder): isHeld was true again after false", at: at))
      }
      if let told = lease.toldAt, let at = lease.lastHeld, at > told {
        findings.append(
          Breach(kind: .heldAgain, text: "\(lease.holder): isHeld was true after the loss was told", at: at)
        )
      }
      if lease.lacksDeadline {
        findings.append(
          Breach(kind: .noDeadline, text: "\(lease.holder) was given no deadline", at: lease.firstHeld ?? lease.asked)
        )
      }
      if let finding = self.lossTold(lease, history) { findings.append(finding) }
    }
    return findings
  }

  /// Whether a loss was told in time. Due at the deadline, or when the lease was seen to be over.
  private func lossTold(_ lease: LeaseRecord, _ history: ClientHistory) -> Breach? {
    let due = min(lease.deadline ?? .max, lease.seenOver ?? .max)
    // Given back in time, or never lost at all.
    guard due != .max, due < (lease.releasing ?? .max) else { return nil }
    let death = history.ends.first { $0.place == lease.place }?.at ?? .max
    let told = lease.toldAt ?? .max
    let until = min(told, death, history.stopped)
    guard until > due else { return nil }
    let waited = until - due
    let stalled = history.stalled(lease.place, from: due, until: until)
    guard waited > stalled + self.limits.lossTold else { return nil }
    let what = told == .max ? "was never told" : "was told \(Self.time(waited - stalled)) late"
    return Breach(kind: .lossNotTold, text: "\(lease.holder): the loss \(what)", at: due)
  }

  // MARK: Requests

  /// How a call may fail while there are faults.
  static let expectedFailures: Set<String> = ["timedOut", "unreachable", "cancelled", "busy", "lockLost"]

  private func requests(_ history: ClientHistory) -> [Breach] {
    var findings: [Breach] = []
    for request in history.requests {
      // A call that nobody answered before its process ended should perhaps have been answered long before.
      let death = history.ends.first { $0.place == request.place }?.at ?? 0
      let ended = request.ended ?? max(request.asked, death)
      let took = ended - request.asked
      let stalled = history.stalled(request.place, from: request.asked, until: ended)
      if took > request.within + stalled + self.limits.budget {
        let time = Self.time(took - stalled)
        let what = request.ended == nil ? "was not answered within \(time), when its process ended" : "took \(time)"
        let text = "\(request.who): a call with a budget of \(Self.time(request.within)) \(what)"
        findings.append(Breach(kind: .overBudget, text: text, at: ended))
      }
      if let failure = request.failure, !Self.expectedFailures.contains(failure) {
        findings.append(Breach(kind: .unexpectedError, text: "\(request.who): a call failed: \(failure)", at: ended))
      }
    }
    return findings
  }

  private func progress(_ history: ClientHistory) -> [Breach] {
    guard let ended = history.faultsEnded else { return [] }
    var first: [Int: UInt64] = [:]
    for lease in history.leases {
      guard let held = lease.firstHeld, held > ended else { continue }
      first[lease.client] = min(first[lease.client] ?? .max, held)
    }
    // Where nobody promises fairness, a client may lose every race; that the lock itself goes on is owed all the same.
    let goesOn = first.values.contains { $0 - ended <= self.limits.progress }
    let excuse =
      !history.isFair && goesOn ? "the backend promises no fairness: the others won every race for the lock" : nil
    return (0..<history.clients).compactMap { client in
      if let held = first[client], held - ended <= self.limits.progress { return nil }
      return Breach(
        kind: .noProgress,
        text: "client \(client + 1) got no lock within \(Self.time(self.limits.progress)) after the faults had ended",
        at: ended,
        excuse: excuse
      )
    }
  }

  static func inOrder(_ leases: [LeaseRecord]) -> [LeaseRecord] {
    leases.sorted { ($0.firstHeld ?? $0.asked) < ($1.firstHeld ?? $1.asked) }
  }

  private static func time(_ nanoseconds: UInt64) -> String { "\((Double(nanoseconds) / 1e5).rounded() / 10) ms" }
}
