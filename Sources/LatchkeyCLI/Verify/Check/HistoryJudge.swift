/// Judges a history. Accuses of nothing that did not certainly happen: an interval in which a lease was held reaches from the
/// end of the first question to the beginning of the last that were answered with yes.
struct HistoryJudge: Sendable {
  /// What is allowed for what clocks and schedulers do.
  struct Limits: Hashable, Sendable {
    /// How late a loss may be told, beyond the time in which the process did not run at all.
    var lossTold: UInt64 = 500_000_000
    /// How much longer than its budget a call may take, likewise.
    var budget: UInt64 = 1_500_000_000
    /// How soon each client must have had the lock after the faults.
    var progress: UInt64 = 20_000_000_000
  }

  let limits: Limits
  let excuses: [Excuse]

  init(limits: Limits = Limits(), excuses: [Excuse] = []) {
    self.limits = limits
    self.excuses = excuses
  }

  /// What is wrong with a history, in order of time.
  func findings(in history: VerifyHistory) -> [Breach] {
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

  private func exclusion(_ history: VerifyHistory) -> [Breach] {
    var findings: [Breach] = []
    var active: [LeaseRecord] = []
    for lease in Self.inOrder(history.leases) {
      guard let held = lease.certainlyHeld else { continue }
      active.removeAll { ($0.lastHeld ?? 0) <= held.lowerBound }
      for other in active {
        let end = min(other.lastHeld ?? 0, held.upperBound)
        guard end > held.lowerBound else { continue }
        findings.append(
          Breach(
            kind: .overlap,
            text: "\(other.holder) and \(lease.holder) both held the lock for \(Self.time(end - held.lowerBound))",
            at: held.lowerBound,
            excuse: self.excuse(other, lease)
          )
        )
      }
      active.append(lease)
    }
    return findings
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

  private func tokens(_ history: VerifyHistory) -> [Breach] {
    var findings: [Breach] = []
    var greatest: LeaseRecord?
    var seen: Set<VerifyToken> = []
    for lease in Self.inOrder(history.leases) {
      guard let token = lease.token else {
        if history.isFenced {
          findings.append(
            Breach(kind: .noToken, text: "\(lease.holder) was given no token", at: lease.firstHeld ?? lease.asked)
          )
        }
        continue
      }
      if !seen.insert(token).inserted {
        findings.append(
          Breach(
            kind: .tokenOrder,
            text: "\(lease.holder) was given token \(token) a second time",
            at: lease.firstHeld ?? lease.asked
          )
        )
      }
      // One that was over before anybody could look may have been granted long before it was heard of.
      guard lease.certainlyHeld != nil else { continue }
      if let greatest, let last = greatest.token, token < last, !self.areConcurrent(greatest, lease) {
        findings.append(
          Breach(
            kind: .tokenOrder,
            text: "\(lease.holder) was given token \(token) after \(greatest.holder) had \(last)",
            at: lease.firstHeld
          )
        )
      }
      if greatest?.token.map({ token > $0 }) ?? true { greatest = lease }
    }
    return findings
  }

  /// Whether nothing says which of two grants came first: only where a fault has made two holders.
  private func areConcurrent(_ first: LeaseRecord, _ second: LeaseRecord) -> Bool {
    second.asked < (first.firstHeld ?? 0) && self.excuse(first, second) != nil
  }

  // MARK: Writes

  private func writes(_ history: VerifyHistory) -> [Breach] {
    struct Key: Hashable {
      var client: Int
      var life: Int
      var worker: Int
      var number: Int
    }
    var leases: [Key: LeaseRecord] = [:]
    for lease in history.leases {
      leases[Key(client: lease.client, life: lease.life, worker: lease.worker, number: lease.number)] = lease
    }
    var findings: [Breach] = []
    var greatest: VerifyToken?
    var latest: LeaseRecord?
    for write in history.writes.sorted(by: { $0.at < $1.at }) where write.wasAccepted {
      guard let token = write.token else { continue }
      let key = Key(client: write.client, life: write.life, worker: write.worker, number: write.lease)
      guard let lease = leases[key] else { continue }
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

  private func leases(_ history: VerifyHistory) -> [Breach] {
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
  private func lossTold(_ lease: LeaseRecord, _ history: VerifyHistory) -> Breach? {
    let life = VerifyHistory.Life(client: lease.client, life: lease.life)
    let due = min(lease.deadline ?? .max, lease.seenOver ?? .max)
    // Given back in time, or never lost at all.
    guard due != .max, due < (lease.releasing ?? .max) else { return nil }
    let death = history.ends.first { $0.client == life.client && $0.life == life.life }?.at ?? .max
    let told = lease.toldAt ?? .max
    let until = min(told, death, history.stopped)
    guard until > due else { return nil }
    let waited = until - due
    let stalled = history.stalled(life, from: due, until: until)
    guard waited > stalled + self.limits.lossTold else { return nil }
    let what = told == .max ? "was never told" : "was told \(Self.time(waited - stalled)) late"
    return Breach(kind: .lossNotTold, text: "\(lease.holder): the loss \(what)", at: due)
  }

  // MARK: Requests

  /// How a call may fail while there are faults.
  static let expectedFailures: Set<String> = ["timedOut", "unreachable", "cancelled", "busy", "lockLost"]

  private func requests(_ history: VerifyHistory) -> [Breach] {
    var findings: [Breach] = []
    for request in history.requests {
      let who = "client \(request.client + 1) worker \(request.worker + 1)"
      let life = VerifyHistory.Life(client: request.client, life: request.life)
      let took = request.ended - request.asked
      let stalled = history.stalled(life, from: request.asked, until: request.ended)
      if took > request.within + stalled + self.limits.budget {
        findings.append(
          Breach(
            kind: .overBudget,
            text: "\(who): a call with a budget of \(Self.time(request.within)) took \(Self.time(took - stalled))",
            at: request.ended
          )
        )
      }
      if let failure = request.failure, !Self.expectedFailures.contains(failure) {
        findings.append(Breach(kind: .unexpectedError, text: "\(who): a call failed: \(failure)", at: request.ended))
      }
    }
    return findings + history.pending.compactMap { self.overdue($0, history) }
  }

  /// A call that nobody answered before its process ended, and that should have been answered long before.
  private func overdue(_ request: PendingRecord, _ history: VerifyHistory) -> Breach? {
    let life = VerifyHistory.Life(client: request.client, life: request.life)
    let end = history.ends.first { $0.client == life.client && $0.life == life.life }
    guard let end, end.at > request.asked else { return nil }
    let waited = end.at - request.asked
    let stalled = history.stalled(life, from: request.asked, until: end.at)
    guard waited > request.within + stalled + self.limits.budget else { return nil }
    return Breach(
      kind: .overBudget,
      text: "client \(request.client + 1) worker \(request.worker + 1): a call with a budget of "
        + "\(Self.time(request.within)) was not answered within \(Self.time(waited - stalled)), when its process ended",
      at: end.at
    )
  }

  private func progress(_ history: VerifyHistory) -> [Breach] {
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

  private static func inOrder(_ leases: [LeaseRecord]) -> [LeaseRecord] {
    leases.sorted { ($0.firstHeld ?? $0.asked) < ($1.firstHeld ?? $1.asked) }
  }

  static func time(_ nanoseconds: UInt64) -> String { Figures.time(microseconds: Double(nanoseconds) / 1000) }
}
