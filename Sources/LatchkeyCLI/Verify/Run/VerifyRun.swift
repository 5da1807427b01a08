internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// One verification: client processes on servers behind proxies, faults from a schedule, then a check of what was recorded.
struct VerifyRun: Sendable {
  let settings: VerifySettings
  /// The lock, with the servers' real addresses.
  let url: LockURL
  let tick: Duration?
  /// The servers, where they are ours to harm.
  let servers: (any ServedServers)?
  let progress: Progress

  /// Runs to the end, or until the task is cancelled: then the faults are undone, and what there is is judged.
  func run() async throws -> VerifyOutcome {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let record = VerifyRecord(acceptsStale: self.settings.sabotage == .acceptStale)
    let wiring = try await ClientWiring.start(
      to: self.url,
      clients: self.settings.processes,
      framing: self.servers?.framing ?? (self.url.scheme == .zookeeper ? .zooKeeper : .raw)
    )
    let clock = self.settings.kinds.contains(.clock) ? try await FakeClock(in: folder) : nil
    let fleet = ClientFleet(
      wiring: wiring,
      plan: VerifyPlan(
        url: self.url.textWithCredentials,
        tick: self.tick,
        freshServers: RedisServer.trustedRunIDs,
        workers: self.settings.workers,
        timeToLive: self.settings.timeToLive,
        budget: self.settings.budget,
        seed: self.settings.seed,
        sabotage: self.settings.sabotage
      ),
      clock: clock,
      record: record,
      folder: folder
    )
    let injector = FaultInjector(
      servers: self.servers,
      fleet: fleet,
      wiring: wiring,
      clock: clock,
      record: record,
      lock: self.url.name.rawValue,
      timeToLive: self.settings.timeToLive
    )
    do {
      let outcome = try await self.run(fleet, injector, record)
      await wiring.stop()
      return outcome
    } catch {
      _ = await fleet.stop(within: .zero)
      await wiring.stop()
      throw error
    }
  }

  /// The schedule of the faults.
  var schedule: FaultSchedule {
    FaultSchedule(
      seed: self.settings.seed,
      FaultSchedule.Settings(
        kinds: self.settings.kinds,
        duration: self.settings.duration,
        timeToLive: self.settings.timeToLive,
        servers: self.servers?.members.count ?? 0,
        hasLeader: self.servers?.hasLeader ?? false,
        clients: self.settings.processes
      )
    )
  }

  private func run(
    _ fleet: ClientFleet,
    _ injector: FaultInjector,
    _ record: VerifyRecord
  ) async throws -> VerifyOutcome {
    self.progress.say("\(self.settings.processes) clients connect")
    try await fleet.start(self.settings.processes)
    let began = ContinuousClock.now
    let faults = await self.inject(injector, record, since: began)
    let recovery = await self.recover(record)
    // Also when the run was interrupted: whatever it has changed is put right, and what there is is judged.
    let (stopped, ends, leftovers) = await Task { await self.finish(fleet, areServersBack: recovery.trouble == nil) }
      .value
    var history = ClientHistory(record.events)
    history.writes = record.writes
    history.clients = self.settings.processes
    let promised = BackendFacts.all.first { $0.backend == self.url.scheme.backendKind }
    history.isFair = promised?.isFair ?? true
    history.isFenced = promised.map { $0.fencing != nil } ?? true
    history.faultsEnded = recovery.wasWatched ? recovery.began : nil
    history.stopped = stopped
    history.ends = ends
    history.leftovers = leftovers
    var limits = HistoryJudge.Limits()
    limits.progress = UInt64(self.settings.progressBound.nanoseconds)
    let judge = HistoryJudge(limits: limits, excuses: self.excuses(faults))
    let outcome = VerifyOutcome(
      settings: self.settings,
      backend: self.name,
      version: self.servers?.version,
      machine: .current(),
      began: began.sinceStart,
      faults: faults,
      events: record.events,
      history: history,
      counts: record.counts,
      findings: judge.findings(in: history),
      notJudged: recovery.notJudged,
      isInterrupted: Task.isCancelled
    )
    // Servers that do not come back break no promise; a promise that was broken before is reported all the same.
    if let trouble = recovery.trouble, outcome.violations.isEmpty { throw trouble }
    return outcome
  }

  private var name: String {
    self.url.scheme.backendKind + (self.url.hosts.count > 1 ? ":\(self.url.hosts.count)" : "")
  }

  /// Does all faults at their times.
  private func inject(
    _ injector: FaultInjector,
    _ record: VerifyRecord,
    since began: ContinuousClock.Instant
  ) async -> [InjectedFault] {
    let planned = self.schedule.faults
    let end = began.advanced(by: self.settings.duration)
    return await withTaskGroup(of: [InjectedFault].self) { group in
      let ticker = Task {
        while (try? await Task.sleep(for: .milliseconds(250))) != nil {
          self.progress.show(self.text(record.counts, since: began))
        }
      }
      // A server that is killed may need longer than planned until it is back: the next server waits for it.
      for line in [planned.filter(\.action.isOnServer), planned.filter { !$0.action.isOnServer }] {
        group.addTask { await self.inject(line, injector, since: began, until: end) }
      }
      var faults: [InjectedFault] = []
      for await some in group { faults += some }
      ticker.cancel()
      return faults.sorted { $0.from < $1.from }
    }
  }

  /// How far the run has come.
  private func text(_ counts: VerifyRecord.Counts, since began: ContinuousClock.Instant) -> String {
    let whole = Double(self.settings.duration.nanoseconds) / 1e9
    let seconds = min(whole, Double(began.duration(to: .now).nanoseconds) / 1e9)
    return "\(Figures.number(seconds))/\(Figures.number(whole)) s: \(Figures.grouped(counts.grants)) grants, "
      + "\(counts.losses) losses, \(Figures.grouped(counts.accepted)) writes, \(counts.refused) refused"
  }

  /// Does faults one after the other, none before its time, and none that would begin after the end.
  private func inject(
    _ line: [PlannedFault],
    _ injector: FaultInjector,
    since began: ContinuousClock.Instant,
    until end: ContinuousClock.Instant
  ) async -> [InjectedFault] {
    var faults: [InjectedFault] = []
    for planned in line {
      let at = max(began.advanced(by: planned.at), .now)
      guard at < end, (try? await Task.sleep(until: at, clock: .continuous)) != nil else { break }
      self.progress.log("\(Figures.moment(planned.at)): \(planned.action.name)")
      faults.append(await injector.inject(planned))
    }
    // Without a fault to come there is still work to be watched.
    try? await Task.sleep(until: end, clock: .continuous)
    return faults
  }

  /// What came after the faults.
  private struct Recovery: Sendable {
    /// When all servers were back.
    var began: UInt64?
    /// Whether everybody had the time that is granted to get the lock again.
    var wasWatched = false
    /// Why the servers did not come back.
    var trouble: (any Error)?

    var notJudged: [String] {
      if let trouble {
        let reason = CommandFailure(trouble).message ?? "\(trouble)"
        return ["progress after the faults, and what is left on the servers: they did not come back: \(reason)"]
      }
      return self.wasWatched
        ? [] : ["whether every client gets the lock again after the faults: the wait for that was interrupted"]
    }
  }

  /// Waits for the servers, then for every client to get the lock once more, or until the run is interrupted.
  private func recover(_ record: VerifyRecord) async -> Recovery {
    self.progress.say("the faults are over; every client is to get the lock once more")
    do {
      // Also when the run was interrupted: without servers nothing can be given back.
      try await Task { try await self.servers?.waitUntilReady() }.value
    } catch {
      return Recovery(trouble: error)
    }
    let began = ContinuousClock.now.sinceStart
    do {
      // For at least one TTL: what was lost in the last fault comes to light by then.
      try await Task.sleep(for: self.settings.timeToLive)
      _ = try await eventually(within: self.settings.progressBound, every: .milliseconds(20)) {
        record.haveAllHeld(self.settings.processes, since: began)
      }
    } catch {
      // Only an interruption ends a wait early.
      return Recovery(began: began)
    }
    return Recovery(began: began, wasWatched: true)
  }

  /// Ends the clients, and looks at what is left.
  private func finish(
    _ fleet: ClientFleet,
    areServersBack: Bool
  ) async -> (stopped: UInt64, ends: [ClientHistory.End], leftovers: [String]) {
    let stopped = ContinuousClock.now.sinceStart
    self.progress.say("the clients give everything back and end")
    let ends = await fleet.stop(within: self.settings.endBound)
    return (stopped, ends, areServersBack ? await self.leftovers() : [])
  }

  /// What is still on the servers when everything should have gone.
  private func leftovers() async -> [String] {
    let name = self.url.name.rawValue
    var found: [String] = []
    do {
      _ = try await eventually(within: self.settings.endBound, every: .milliseconds(50)) {
        found = try await self.servers?.leftovers(of: name) ?? []
        return found.isEmpty
      }
      if found.isEmpty, !(try await self.isFree()) { found = ["the lock is still held, though all clients have ended"] }
    } catch {
      found = ["nobody could look: \(CommandFailure(error).message ?? "\(error)")"]
    }
    return found
  }

  /// Whether a client that comes after all others gets the lock.
  private func isFree() async throws -> Bool {
    let (url, limit) = (self.url, self.settings.endBound)
    return try await Backends.backend(for: url).withLocks(at: url, tick: self.tick) { locks in
      do throws(LockError) {
        let lease = try await locks.lock(url.name).acquire(within: limit)
        await lease.releaseQuietly()
        return true
      } catch {
        guard error.code == .timedOut else { throw error }
        return false
      }
    }
  }

  /// What no backend promises against, and what this one does not.
  private func excuses(_ faults: [InjectedFault]) -> [Excuse] {
    let ended = faults.filter { $0.action == .expireHolder && $0.hasBitten }.map { fault in
      Excuse(
        reason:
          "the holder's session, lease or key was ended from outside, which no deadline foresees; the token protects",
        from: fault.from,
        until: fault.until,
        // Of the others it is not known whose it was.
        client: self.url.scheme == .zookeeper ? fault.place : nil
      )
    }
    return ended + (self.servers?.excuses(for: faults) ?? [])
  }
}
