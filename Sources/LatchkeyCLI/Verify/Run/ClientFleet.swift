internal import Latchkey
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// All client processes, those that replace killed ones included.
actor ClientFleet {
  /// The client whose wall clock is its own.
  static let clockClient = 0

  let wiring: ClientWiring
  private let plan: VerifyPlan
  private let clock: FakeClock?
  private let record: VerifyRecord
  private let folder: TemporaryFolder
  private var clients: [ClientProcess] = []
  private var ends: [ClientHistory.End] = []

  init(wiring: ClientWiring, plan: VerifyPlan, clock: FakeClock?, record: VerifyRecord, folder: TemporaryFolder) {
    self.wiring = wiring
    self.plan = plan
    self.clock = clock
    self.record = record
    self.folder = folder
  }

  /// Starts all, waits until all are connected, and lets them go.
  func start(_ count: Int) async throws {
    for client in 0..<count { self.clients.append(try self.start(client: client, life: 0)) }
    for client in self.clients {
      guard await client.ready() else {
        let end = await client.stop(within: .seconds(1))
        throw CommandFailure(.unreachable, "client \(client.client + 1) \(end.complaint ?? "ended")")
      }
    }
    for client in self.clients { client.go() }
  }

  func process(_ client: Int) -> ClientProcess { self.clients[client] }

  /// Kills a client and waits for its end.
  func kill(_ client: Int) async {
    self.note(await self.clients[client].kill())
  }

  /// Starts a client again that was killed.
  func replace(_ client: Int) async throws {
    // A first connection may fail while there are faults; the next may not.
    for _ in 0..<20 {
      let next = try self.start(client: client, life: self.clients[client].life + 1)
      self.clients[client] = next
      if await next.ready() {
        next.go()
        return
      }
      self.note(await next.stillborn(within: .seconds(5)))
      try await Task.sleep(for: .milliseconds(200))
    }
    throw CommandFailure(.failed, "client \(client + 1) cannot be started again")
  }

  /// Ends all clients in good order, and says how each life ended.
  func stop(within limit: Duration) async -> [ClientHistory.End] {
    await withTaskGroup(of: ClientHistory.End.self) { group in
      for client in self.clients { group.addTask { await client.stop(within: limit) } }
      for await end in group { self.note(end) }
    }
    return self.ends
  }

  /// Keeps how a life ended: what was first known of it.
  private func note(_ end: ClientHistory.End) {
    guard !self.ends.contains(where: { $0.client == end.client && $0.life == end.life }) else { return }
    self.ends.append(end)
  }

  private func start(client: Int, life: Int) throws -> ClientProcess {
    var plan = self.plan
    plan.url = self.wiring.url(for: client).textWithCredentials
    plan.seed = self.plan.seed &+ UInt64(client) &* 1_000_003 &+ UInt64(life) &* 7_919
    return try ClientProcess(
      client: client,
      life: life,
      plan: plan,
      settings: client == Self.clockClient ? self.clock?.environment ?? [:] : [:],
      errors: self.folder.file("errors-\(client)-\(life)"),
      record: self.record
    )
  }
}
