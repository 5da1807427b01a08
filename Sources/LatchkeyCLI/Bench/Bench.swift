internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

/// Measures several backends in turns.
///
/// A backend that cannot be reached, or goes away, is left out of the rest; the others are measured all the same.
actor Bench {
  private struct Connection: Sendable {
    let target: BenchTarget
    let locks: OpenScope<any LockProvider>
  }

  private let sources: [BenchSource]
  /// Puts the options of the command line into the URL of servers that were started.
  private let adjust: @Sendable (LockURL) throws -> LockURL
  private let progress: Progress
  private var servers: [OpenScope<any ServedServers>] = []
  private var connections: [Connection] = []
  /// The runs of each step's workload and target.
  private var runs: [BenchWorkload: [Int: [BenchRun]]] = [:]
  private var outcome: BenchOutcome
  private var isGone: Set<Int> = []

  init(
    _ sources: [BenchSource],
    settings: BenchSettings,
    progress: Progress,
    adjust: @escaping @Sendable (LockURL) throws -> LockURL
  ) {
    self.sources = sources
    self.adjust = adjust
    self.progress = progress
    self.outcome = BenchOutcome(settings: settings, machine: .current())
  }

  /// Starts servers, connects, measures, disconnects, and removes the servers.
  ///
  /// Ends early if the task is cancelled: then with what was measured so far.
  func run() async -> BenchOutcome {
    await self.connectAll()
    await self.measure()
    self.progress.clear()
    for connection in self.connections { await connection.locks.close() }
    for server in self.servers { await server.close() }
    self.outcome.targets = self.connections.map(\.target)
    self.outcome.results = self.outcome.settings.workloads.flatMap { workload in
      self.connections.indices.map { place in
        BenchResult(
          target: self.connections[place].target,
          workload: workload,
          runs: self.runs[workload]?[place] ?? []
        )
      }
    }
    return self.outcome
  }

  // MARK: Connections

  private func connectAll() async {
    for source in self.sources where !Task.isCancelled {
      self.progress.say("getting \(source.name) ready")
      do {
        let target = try await self.target(of: source)
        let locks = try await OpenScope<any LockProvider>.open { body in try await target.withLocks(body) }
        self.connections.append(Connection(target: target, locks: locks))
      } catch {
        guard !Task.isCancelled else { return }
        self.give(up: source.name, kind: source.kind, error)
      }
    }
    let names = BenchTarget.unique(self.connections.map(\.target.name))
    self.connections = zip(self.connections, names).map { connection, name in
      var target = connection.target
      target.name = name
      return Connection(target: target, locks: connection.locks)
    }
  }

  private func target(of source: BenchSource) async throws -> BenchTarget {
    switch source {
    case .url(let url, let tick): return BenchTarget(url: url, tick: tick)
    case .servers(let kind, let count):
      let server = try await OpenScope<any ServedServers>.open { body in
        try await kind.withServers(count: count, harmed: false) { try await body($0) }
      }
      self.servers.append(server)
      let url = try self.adjust(LockURL(server.value.base + "bench"))
      return BenchTarget(url: url, tick: server.value.tick, version: server.value.version)
    }
  }

  private func give(up name: String, kind: String? = nil, _ error: any Error) {
    let failure = CommandFailure(error)
    let message = failure.message ?? "\(error)"
    self.outcome.failures.append(.init(target: name, kind: kind, message: message, code: failure.code))
    self.progress.note("\(name) is left out: \(message)")
  }

  // MARK: Measurements

  private func measure() async {
    let settings = self.outcome.settings
    let steps = BenchPlan.steps(
      workloads: settings.workloads,
      targets: self.connections.count,
      repetitions: settings.repetitions
    )
    var timeLeft = TimeLeft(guess: Double(settings.duration.nanoseconds) / 1e9)
    for (place, step) in steps.enumerated() where !Task.isCancelled && !self.isGone.contains(step.target) {
      let rest = steps[place...].filter { !self.isGone.contains($0.target) }
      let target = self.connections[step.target].target
      let phase = step.isWarmUp ? "warm-up" : "repetition \(step.repetition)"
      let left = Figures.span(seconds: timeLeft.seconds(for: rest))
      let number = "[\(place + 1)/\(steps.count)]"
      self.progress.say("\(number) \(step.workload.rawValue) on \(target.name), \(phase); about \(left) left")
      let start = Uptime.nanoseconds
      do {
        let run = try await self.run(step)
        self.take(run, of: step)
      } catch {
        self.isGone.insert(step.target)
        self.give(up: target.name, error)
      }
      timeLeft.note(step, seconds: Double(Uptime.nanoseconds - start) / 1e9)
    }
  }

  private func run(_ step: BenchStep) async throws -> BenchRun {
    let settings = self.outcome.settings
    let connection = self.connections[step.target]
    let work = try WorkloadRun(
      step.workload,
      on: connection.target,
      with: connection.locks.value,
      for: step.isWarmUp ? settings.warmUp : settings.duration
    )
    // Not on this actor: the workers are to run wherever there is a thread.
    return await Self.run(work, isWarmUp: step.isWarmUp)
  }

  @concurrent
  private static func run(_ work: WorkloadRun, isWarmUp: Bool) async -> BenchRun {
    await work.run(isWarmUp: isWarmUp)
  }

  private func take(_ run: BenchRun, of step: BenchStep) {
    // A warm-up that fails is reported; one that succeeds is forgotten.
    if !step.isWarmUp || run.tally.errors > 0 {
      self.runs[step.workload, default: [:]][step.target, default: []].append(run)
    }
    guard run.tally.errors > 0 else { return }
    let name = self.connections[step.target].target.name
    self.progress.note("\(step.workload.rawValue) on \(name): \(run.tally.firstError ?? "failed")")
    // No answer but errors: it would be the same with all that is to come, only slower.
    if run.operations == 0 { self.isGone.insert(step.target) }
  }
}
