import LatchkeyPrimitives
import LatchkeyTesting
import Logging
import Testing

@testable import Latchkey

@Suite("Callers that share a lock", .timeLimit(.minutes(1)))
struct SharingTests {
  private let source = SharedLocks()
  private let name: LockName = "orders"

  private var contention: Contention<SharedLockBackend> {
    self.source.contentions.contention(for: self.name, of: self.source)
  }

  /// Asks for the lock, and returns when the caller stands in line.
  private func ask(_ want: Want, isTry: Bool = false) async throws -> Task<SharedLockBackend.ClaimLease?, any Error> {
    let before = self.contention.state.withLock { $0.callers.count }
    let task = Task {
      isTry
        ? try await self.source.contentions.tryAcquire(self.name, of: self.source, for: want)
        : try await self.source.contentions.acquire(self.name, of: self.source, within: nil, for: want)
    }
    #expect(try await eventually { self.contention.state.withLock { $0.callers.count } == before + 1 })
    return task
  }

  private var seen: Want { self.contention.withLocal { machine, _ in machine.demand.want } }

  @Test("one grant serves all at the head of the line that share, and nobody behind the first that does not")
  func batch() async throws {
    let readers = try await [self.ask(.shared), self.ask(.shared)]
    let writer = try await self.ask(.exclusive)
    let later = try await self.ask(.shared)
    #expect(self.seen == .shared)
    self.contention.handle(.granted(1))
    for reader in readers { #expect(try await reader.value?.node == 1) }
    #expect(self.seen == .exclusive)

    self.contention.handle(.granted(2))
    #expect(try await writer.value?.node == 2)
    #expect(self.seen == .shared)
    self.contention.handle(.granted(3))
    #expect(try await later.value?.node == 3)
  }

  @Test("a batch is closed once it is granted, and its claim is given back with the last of its leases")
  func closed() async throws {
    let readers = try await [self.ask(.shared), self.ask(.shared)]
    self.contention.handle(.granted(1))
    let leases = [try #require(await readers[0].value), try #require(await readers[1].value)]
    let later = try await self.ask(.shared)
    #expect(try await leases[0].release(1) == nil)
    #expect(leases[1].isHeld(1))
    #expect(self.source.released.withLock { $0 } == [])
    #expect(try await leases[1].release(1) == nil)
    #expect(self.source.released.withLock { $0 } == [1])
    self.contention.handle(.granted(2))
    #expect(try await later.value?.node == 2)
  }

  @Test("a claim that is lost is lost to all who share it")
  func lost() async throws {
    let readers = try await [self.ask(.shared), self.ask(.shared)]
    self.contention.handle(.granted(1))
    let leases = [try #require(await readers[0].value), try #require(await readers[1].value)]
    self.contention.handle(.gone(1))
    for lease in leases { #expect(!lease.isHeld(1)) }
  }

  @Test(
    "a machine is asked anew when the head of the line wants something else, whatever took the callers before it away"
  )
  func newHead() async throws {
    let reader = try await self.ask(.shared)
    let tried = try await self.ask(.shared, isTry: true)
    let writer = try await self.ask(.exclusive)
    #expect(self.contention.withLocal { machine, _ in machine.wants } == [.shared, .shared, .shared])
    reader.cancel()
    _ = await reader.result
    #expect(self.seen == .shared)
    self.contention.handle(.busy)
    #expect(try await tried.value == nil)
    #expect(self.contention.withLocal { machine, _ in machine.wants }.last == .exclusive)
    self.contention.handle(.granted(1))
    #expect(try await writer.value?.node == 1)
  }
}

/// Locks that are granted when the test says so.
private final class SharedLocks: Sendable {
  let contentions = ContentionTable<SharedLockBackend>(shared: ())
  let released = Locked<[Int]>([])
}

private struct SharedLockMachine: ContentionMachine {
  enum Event { case granted(Int), gone(Int), busy }
  enum Request { case free(Int) }

  var demand = Demand()
  /// What the head of the line wanted whenever callers came or went.
  var wants: [Want] = []
  var held: Set<Int> = []

  var isIdle: Bool { self.held.isEmpty && !self.demand.isAny }
  var isFree: Bool { self.held.isEmpty }
  var isAnswered: Bool { true }
  var standing: Int? { nil }

  static func isQuestion(_ request: Request) -> Bool { false }

  mutating func demandChanged(_ context: Bool) -> [ContentionAction<SharedLockMachine>] {
    self.wants.append(self.demand.want)
    return []
  }

  mutating func released(_ claim: Int, _ context: Bool) -> [ContentionAction<SharedLockMachine>] {
    self.held.remove(claim)
    return [.send(.free(claim)), .releaseSettled(claim, isConfirmed: true)]
  }

  mutating func handle(_ event: Event, _ context: Bool) -> [ContentionAction<SharedLockMachine>] {
    switch event {
    case .granted(let claim):
      self.held.insert(claim)
      return [.grant(claim)]
    case .gone(let claim):
      self.held.remove(claim)
      return [.lose(claim)]
    case .busy: return [.turnAway(nil)]
    }
  }
}

private final class SharedLockBackend: ContentionBackend {
  typealias Machine = SharedLockMachine
  typealias Local = Bool
  typealias Shared = Void
  typealias Timer = Task<Void, Never>
  typealias Job = SharedLockMachine.Request
  enum Silence {}

  let name: LockName
  let source: SharedLocks
  let term = Term()
  let backend = LockBackend(kind: "test", instance: "here")
  let logger = Logger(label: "test")
  let ownDescription = "this process"
  let tryTimeout: Duration? = nil
  let firstAnswerTimeout: Duration? = nil
  let lossOfClaim = "its claim is gone"

  init(_ name: LockName, _ source: SharedLocks) {
    self.name = name
    self.source = source
  }

  static func contention(for name: LockName, of source: SharedLocks, _ shared: Void) -> Contention<SharedLockBackend> {
    Contention(SharedLockBackend(name, source), machine: SharedLockMachine(), local: true)
  }

  func context(_ local: Bool) -> Bool { local }

  func terms(of claim: Int, _ local: inout Bool) -> ClaimTerms<ClaimLease> { ClaimTerms(token: nil, term: self.term) }

  func jobs(
    for requests: [Job],
    _ machine: SharedLockMachine,
    _ local: inout Bool,
    hasDeadline: Bool
  ) -> [Job] { requests }

  func wait(at standing: Int?, _ local: Bool) -> LockError.Wait { LockError.Wait() }

  func silence(_ machine: SharedLockMachine, _ local: Bool, waited: Duration, mustExplain: Bool) -> Silence? { nil }

  func awaitConnection(
    from start: ContinuousClock.Instant,
    within budget: Duration?,
    isTry: Bool
  ) async throws(LockError) -> ContinuousClock.Instant { start }

  func unreachable(_ silence: Silence?, waited: Duration) -> LockError? { nil }

  func perform(_ jobs: [Job], for contention: Contention<SharedLockBackend>) {
    for case .free(let claim) in jobs { self.source.released.withLock { $0.append(claim) } }
  }

  func extend(_ lease: ClaimLease, of contention: Contention<SharedLockBackend>) async throws(LockError) {}
}
