internal import Latchkey
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// Does the faults of a schedule, and sees whether they bite.
struct FaultInjector: Sendable {
  let servers: (any ServedServers)?
  let fleet: ClientFleet
  let wiring: ClientWiring
  let clock: FakeClock?
  let record: VerifyRecord
  let lock: String
  let timeToLive: Duration

  /// Does one fault from beginning to end; what it has changed is as before when this returns, also if the task is cancelled.
  func inject(_ planned: PlannedFault) async -> InjectedFault {
    let now = ContinuousClock.now.sinceStart
    var fault = InjectedFault(planned: planned, from: now, until: now)
    let lingering = planned.length + self.timeToLive * 0.3
    if planned.findsHolder { await self.keepHolder(for: lingering, isWatched: !planned.isUnwatched) }
    do {
      switch planned.action {
      case .killServer(let server): try await self.kill(server, &fault)
      case .pauseServer(let server): try await self.pause(server, &fault)
      case .cutServer(let server, let way):
        fault.place = try await self.place(of: server)
        await self.cut(self.wiring.proxies(toServer: fault.place ?? 0), way, &fault)
      case .isolateServer(let server, let way): try await self.isolate(server, way, &fault)
      case .killClient(let client):
        fault.place = await self.place(of: client)
        try await self.killClient(&fault)
      case .pauseClient(let client):
        fault.place = await self.place(of: client)
        await self.pauseClient(&fault)
      case .cutClient(let client, let way):
        fault.place = await self.place(of: client)
        await self.cut(self.wiring.proxies(ofClient: fault.place ?? 0), way, &fault)
      case .expireHolder: try await self.expire(&fault)
      case .setClock(let offset): await self.setClock(offset, &fault)
      }
    } catch {
      fault.note = "could not be done: \(CommandFailure(error).message ?? "\(error)")"
    }
    fault.until = ContinuousClock.now.sinceStart
    return fault
  }

  // MARK: Servers

  private func place(of server: FaultAction.Server) async throws -> Int {
    switch server {
    case .number(let number): number
    case .leader: try await self.servers?.leader() ?? 0
    }
  }

  private func kill(_ server: FaultAction.Server, _ fault: inout InjectedFault) async throws {
    let place = try await self.place(of: server)
    guard let member = self.servers?.members[place] else { return }
    fault.place = place
    fault.from = ContinuousClock.now.sinceStart
    let wasRunning = member.processID != nil
    await member.kill()
    fault.hasBitten = wasRunning && member.processID == nil
    await self.sleep(fault.planned.length)
    try await self.always { try await member.restart() }
  }

  private func pause(_ server: FaultAction.Server, _ fault: inout InjectedFault) async throws {
    let place = try await self.place(of: server)
    guard let member = self.servers?.members[place] else { return }
    fault.place = place
    fault.from = ContinuousClock.now.sinceStart
    try member.pause()
    fault.hasBitten = await Self.stops(member.processID)
    await self.sleep(fault.planned.length)
    try member.resume()
  }

  private func isolate(
    _ server: FaultAction.Server,
    _ way: FaultAction.Way,
    _ fault: inout InjectedFault
  ) async throws {
    guard let network = self.servers?.network else { return }
    let place = try await self.place(of: server)
    fault.place = place
    fault.from = ContinuousClock.now.sinceStart
    let before = await network.lostBytes
    try await network.isolate(place, way.direction)
    await self.sleep(fault.planned.length)
    fault.hasBitten = await network.lostBytes > before
    await network.heal()
  }

  // MARK: Connections

  private func cut(_ proxies: [FaultProxy], _ way: FaultAction.Way, _ fault: inout InjectedFault) async {
    fault.from = ContinuousClock.now.sinceStart
    let before = await proxies.lostBytes
    for proxy in proxies { await proxy.cut(way.direction) }
    await self.sleep(fault.planned.length)
    fault.hasBitten = await proxies.lostBytes > before
    for proxy in proxies { await proxy.heal() }
  }

  // MARK: Clients

  /// The client that the fault falls on; the first, if it is meant for the holder and nobody holds the lock.
  private func place(of client: FaultAction.Client) async -> Int {
    switch client {
    case .number(let number): number
    case .holder: await self.holder() ?? 0
    }
  }

  /// The client that holds the lock, waited for as long as a dead one may keep it from the others.
  private func holder() async -> Int? {
    var holder: Int?
    _ = try? await eventually(within: self.timeToLive, every: .milliseconds(1)) {
      holder = self.record.holder
      return holder != nil
    }
    return holder
  }

  /// Makes the holder keep the lock. One that was just about to give it back does not, so the next holder gets the order as well.
  private func keepHolder(for duration: Duration, isWatched: Bool) async {
    for _ in 0..<5 {
      guard let holder = await self.holder() else { return }
      await self.fleet.process(holder).linger(duration, isWatched: isWatched)
      let stays = try? await eventually(within: .milliseconds(50), every: .milliseconds(1)) {
        self.record.stays(holder)
      }
      if stays ?? false { return }
    }
  }

  private func killClient(_ fault: inout InjectedFault) async throws {
    guard let place = fault.place else { return }
    fault.from = ContinuousClock.now.sinceStart
    await self.fleet.kill(place)
    fault.hasBitten = true
    await self.sleep(fault.planned.length)
    try await self.always { try await self.fleet.replace(place) }
  }

  private func pauseClient(_ fault: inout InjectedFault) async {
    guard let place = fault.place else { return }
    let process = await self.fleet.process(place)
    fault.from = ContinuousClock.now.sinceStart
    process.pause()
    fault.hasBitten = await Self.stops(process.pid)
    await self.sleep(fault.planned.length)
    process.resume()
  }

  private func expire(_ fault: inout InjectedFault) async throws {
    let holder = await self.place(of: .holder)
    fault.place = holder
    fault.from = ContinuousClock.now.sinceStart
    let session = self.wiring.session(of: holder)
    fault.hasBitten = try await self.servers?.expireHolder(of: self.lock, session: session) ?? false
  }

  private func setClock(_ offset: Int, _ fault: inout InjectedFault) async {
    guard let clock else { return }
    fault.place = ClientFleet.clockClient
    fault.note = "\(offset) s off"
    let heard = self.record.eventCount
    clock.set(offset: offset)
    fault.hasBitten =
      (try? await eventually(within: .seconds(1)) {
        self.record.hasHeard(since: heard) { recorded in
          if case .wallClock = recorded.event { recorded.client == ClientFleet.clockClient } else { false }
        }
      }) ?? false
  }

  // MARK: Means

  /// Waits, but not for longer than the task lives.
  private func sleep(_ duration: Duration) async {
    try? await Task.sleep(for: duration)
  }

  /// Does what must be done also when the task has been cancelled.
  private func always(_ work: @escaping @Sendable () async throws -> Void) async throws {
    try await Task { try await work() }.value
  }

  /// Whether a process comes to a stop by the signal that it was sent.
  private static func stops(_ pid: Int32?) async -> Bool {
    let hasStopped = try? await eventually(within: .seconds(1)) {
      pid.flatMap { ProcessTable.entry($0) }?.state == "T"
    }
    return hasStopped ?? false
  }
}
