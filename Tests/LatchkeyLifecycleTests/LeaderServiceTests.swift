import InMemoryLogging
import Latchkey
import LatchkeyLifecycle
import LatchkeyPrimitives
import LatchkeyTestSupport
import LatchkeyTesting
import Logging
import ServiceLifecycle
import Testing

@Suite("A leader service", .timeLimit(.minutes(2)))
struct LeaderServiceTests {
  private struct Failure: Error {}

  private let locks = LocalLocks()
  private var election: LockElection { self.locks.election("scheduler") }

  private func configuration(_ change: (inout LeaderService.Configuration) -> Void = { _ in })
    -> LeaderService.Configuration
  {
    var configuration = LeaderService.Configuration()
    configuration.logger = .quiet
    configuration.pause = .milliseconds(1)
    change(&configuration)
    return configuration
  }

  /// Runs services in a group until the body returns, then shuts the group down.
  private func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
    let group = ServiceGroup(services: services, logger: .quiet)
    let task = Task { try await group.run() }
    do {
      try await body()
    } catch {
      task.cancel()
      throw error
    }
    await group.triggerGracefulShutdown()
    try await task.value
  }

  @Test("leads one at a time among its candidates, and each in its turn")
  func turns() async throws {
    let inside = Shared(0)
    let turns = Shared<[String]>([])
    let services = ["one", "two"].map { value in
      LeaderService(election: self.election, value: value, configuration: self.configuration()) { leadership in
        inside.change { $0 += 1 }
        #expect(inside.value == 1 && leadership.isHeld && leadership.token != nil)
        turns.change { $0.append(value) }
        await Task.yield()
        inside.change { $0 -= 1 }
      }
    }
    try await self.running(services) {
      try await eventuallyTrue { turns.value.count > 20 }
    }
    #expect(turns.value.contains("one") && turns.value.contains("two"))
    #expect(try await self.election.leader() == nil)
  }

  @Test("resigns when the body has returned, and run() returns if it is to finish then")
  func finishes() async throws {
    let service = LeaderService(
      election: self.election,
      value: "one",
      configuration: self.configuration { $0.afterReturn = .finish }
    ) { _ in }
    try await service.run()
    #expect(service.state == .stopped)
    #expect(try await !isBusy(self.locks.lock("scheduler")))
  }

  @Test("an error of the body resigns, and is thrown by run()")
  func bodyThrows() async throws {
    let service = LeaderService(election: self.election, value: "one", configuration: self.configuration()) { _ in
      throw Failure()
    }
    await #expect(throws: Failure.self) { try await service.run() }
    #expect(try await !isBusy(self.locks.lock("scheduler")))
  }

  // Curator's CURATOR-518 and CURATOR-671: a selector that is not queued again after its second turn.
  @Test("an error of the body is logged, and it leads again and again, if it is to stand again")
  func standsAgain() async throws {
    let count = Shared(0)
    let lines = InMemoryLogHandler()
    let configuration = self.configuration {
      $0.afterError = .campaignAgain
      $0.logger = Logger(label: "test") { _ in lines }
    }
    let service = LeaderService(election: self.election, value: "one", configuration: configuration) { _ in
      count.change { $0 += 1 }
      throw Failure()
    }
    try await self.running([service]) { try await eventuallyTrue { count.value >= 4 } }
    #expect(lines.entries.contains { $0.level == .warning && $0.message == "the body of a leader service has failed" })
  }

  @Test("a graceful shutdown while another leads ends it at once, and leaves no candidate behind")
  func shutdownWhileWaiting() async throws {
    let leadership = try await self.election.campaign(value: "other")
    let service = LeaderService(election: self.election, value: "one", configuration: self.configuration()) { _ in
      Issue.record("it leads")
    }
    try await self.running([service]) { try await eventuallyTrue { service.state == .waiting } }
    try await leadership.resign()
    #expect(try await !isBusy(self.locks.lock("scheduler")))
  }

  @Test("a graceful shutdown is passed on to the body, and the leadership resigned when that has ended")
  func shutdownOfBody() async throws {
    let wasCancelled = Shared(false)
    let service = LeaderService(election: self.election, value: "one", configuration: self.configuration()) { _ in
      try await gracefulShutdown()
      wasCancelled.change { $0 = Task.isCancelled }
    }
    try await self.running([service]) { try await eventuallyTrue { service.state == .leading } }
    #expect(!wasCancelled.value)
    #expect(try await !isBusy(self.locks.lock("scheduler")))
  }

  @Test("a body that goes on after the shutdown is cancelled when its grace is over, which is no failure")
  func grace() async throws {
    let configuration = self.configuration { $0.grace = .milliseconds(20) }
    let service = LeaderService(election: self.election, value: "one", configuration: configuration) { _ in
      try await Task.sleep(for: .seconds(600))
    }
    try await self.running([service]) { try await eventuallyTrue { service.state == .leading } }
    #expect(try await !isBusy(self.locks.lock("scheduler")))
  }

  @Test("a body that ignores its cancellation is reported as critical until it ends")
  func warning() async throws {
    let lines = InMemoryLogHandler()
    let gate = OneShot<Void>()
    let configuration = self.configuration {
      $0.grace = .milliseconds(5)
      $0.logger = Logger(label: "test") { _ in lines }
    }
    let service = LeaderService(election: self.election, value: "one", configuration: configuration) { _ in
      await gate.value
    }
    let task = Task { try await service.run() }
    try await eventuallyTrue { service.state == .leading }
    task.cancel()
    try await eventuallyTrue { lines.entries.filter { $0.level == .critical }.count >= 2 }
    #expect(service.state == .steppingDown)
    gate.resolve()
    try await task.value
  }

  @Test("after a loss the body is cancelled, and the service leads again only when it has ended")
  func loss() async throws {
    let losing = LosingElection()
    let gate = OneShot<Void>()
    let bodies = Shared(0)
    let inside = Shared(0)
    let service = LeaderService(election: losing, value: "one", configuration: self.configuration()) { _ in
      bodies.change { $0 += 1 }
      inside.change { $0 += 1 }
      #expect(inside.value == 1)
      if bodies.value == 1 { await gate.value }
      try? await Task.sleep(for: .seconds(600))
      inside.change { $0 -= 1 }
    }
    try await self.running([service]) {
      try await eventuallyTrue { inside.value == 1 }
      losing.lose()
      try await eventuallyTrue { service.state == .steppingDown }
      gate.resolve()
      try await eventuallyTrue { bodies.value == 2 && service.state == .leading }
    }
    #expect(losing.campaigns == 2)
  }

  @Test("a leadership that was lost before it was heard of is resigned, and its body never runs under it")
  func lostBeforeStart() async throws {
    let losing = LosingElection(losesAtOnce: 3)
    let held = Shared<[Bool]>([])
    let service = LeaderService(
      election: losing,
      value: "one",
      configuration: self.configuration { $0.afterReturn = .finish }
    ) { leadership in
      held.change { $0.append(leadership.isHeld) }
    }
    try await service.run()
    #expect(held.value == [true] && losing.campaigns == 4)
  }

  @Test("after a loss that only the resignation finds the service stands again", arguments: [false, true])
  func lostUnheard(_ fails: Bool) async throws {
    let losing = LosingElection(losesUnheard: 2)
    let bodies = Shared(0)
    let service = LeaderService(
      election: losing,
      value: "one",
      configuration: self.configuration { $0.afterReturn = .finish }
    ) { _ in
      bodies.change { $0 += 1 }
      if fails, bodies.value <= 2 { throw Failure() }
    }
    try await service.run()
    #expect(bodies.value == 3)
  }

  @Test("a campaign that fails for a reason that may pass is tried again, and one that is refused is thrown")
  func failingCampaign() async throws {
    let passing = LosingElection(failures: [.unreachable, .backendFailure])
    let finishing = self.configuration { $0.afterReturn = .finish }
    try await LeaderService(election: passing, value: "one", configuration: finishing) { _ in }.run()
    #expect(passing.campaigns == 3)
    // Yelp/paasta #2450: a service whose client is closed must return.
    let refusing = LosingElection(failures: [.closed])
    let service = LeaderService(election: refusing, value: "one", configuration: finishing) { _ in }
    await #expect { try await service.run() } throws: { LockError.Code.closed ~= $0 }
  }

  @Test("its states are an asynchronous sequence, the present one first")
  func states() async throws {
    let gate = OneShot<Void>()
    let other = Task { try await self.election.withLeadership(value: "other") { _ in await gate.value } }
    try await eventuallyTrue { try await self.election.leader() != nil }
    let seen = Shared<[LeaderService.State]>([])
    let service = LeaderService(election: self.election, value: "one", configuration: self.configuration()) { _ in
      try await gracefulShutdown()
    }
    let watching = Task {
      for await state in service.states { seen.change { $0.append(state) } }
    }
    try await eventuallyTrue { seen.value == [.stopped] }
    try await self.running([service]) {
      try await eventuallyTrue { seen.value.last == .waiting }
      gate.resolve()
      try await other.value
      try await eventuallyTrue { seen.value.last == .leading }
    }
    try await eventuallyTrue { seen.value.last == .stopped }
    watching.cancel()
  }
}
