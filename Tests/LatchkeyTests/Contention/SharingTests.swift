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

  @Test("a grant of permits serves the head of the line alone, and the machine is asked for the next one at once")
  func permits() async throws {
    let first = try await self.ask(.permits(2))
    let second = try await self.ask(.permits(2))
    let tried = try await self.ask(.permits(1), isTry: true)
    #expect(self.seen == .permits(2))
    self.contention.handle(.granted(1))
    #expect(try await first.value?.node == 1)
    #expect(self.contention.withLocal { machine, _ in machine.wants.count } == 4, "three came, and one was served")
    self.contention.handle(.granted(2))
    #expect(try await second.value?.node == 2)
    #expect(self.seen == .permits(1))
    self.contention.handle(.granted(3))
    #expect(try await tried.value?.node == 3)
    #expect(self.source.released.withLock { $0 } == [])
  }

  @Test("a try for permits is not answered by what a try for more of them is told")
  func otherPermits() async throws {
    let many = try await self.ask(.permits(3), isTry: true)
    let few = try await self.ask(.permits(1), isTry: true)
    self.contention.handle(.busy)
    #expect(try await many.value == nil)
    #expect(self.seen == .permits(1))
    self.contention.handle(.granted(1))
    #expect(try await few.value?.node == 1)
  }

  @Test("a claim that is lost is lost to all who share it")
  func lost() async throws {
    let readers = try await [self.ask(.shared), self.ask(.shared)]
    self.contention.handle(.granted(1))
    let leases = [try #require(await readers[0].value), try #require(await readers[1].value)]
    self.contention.handle(.gone(1))
    for lease in leases { #expect(!lease.isHeld(1)) }
  }

  @Test("a try for what the head of the line does not want is not answered with the head's")
  func otherTry() async throws {
    let writer = try await self.ask(.exclusive, isTry: true)
    let reader = try await self.ask(.shared, isTry: true)
    self.contention.handle(.busy)
    #expect(try await writer.value == nil)
    #expect(self.seen == .shared)
    self.contention.handle(.granted(1))
    #expect(try await reader.value?.node == 1)

    let waiter = try await self.ask(.exclusive)
    let late = try await self.ask(.shared, isTry: true)
    self.contention.handle(.busy)
    // Behind a caller that waits.
    #expect(try await late.value == nil)
    self.contention.handle(.granted(2))
    #expect(try await waiter.value?.node == 2)
  }

  /// A lease whose claim is to be exchanged.
  private func convert(
    _ lease: SharedLockBackend.ClaimLease
  ) -> Task<SharedLockBackend.ClaimLease?, any Error> {
    Task { try await self.contention.convert(lease) { _, _ in [] } }
  }

  private func lease(_ claim: Int) async throws -> SharedLockBackend.ClaimLease {
    let reader = try await self.ask(.shared)
    self.contention.handle(.granted(claim))
    return try #require(await reader.value)
  }

  private func awaitConversion(of claim: Int) async throws {
    #expect(try await eventually { self.contention.state.withLock { $0.conversions[claim] != nil } })
  }

  @Test("a claim that is exchanged ends its lease as a release does, and has a new one")
  func exchanged() async throws {
    let lease = try await self.lease(1)
    let conversion = self.convert(lease)
    try await self.awaitConversion(of: 1)
    self.contention.handle(.exchanged(1, for: 2))
    let new = try #require(await conversion.value)
    #expect(new.node == 2 && new.isHeld(1))
    #expect(!lease.isHeld(1) && lease.isReleased(1))
    #expect(try await new.release(1) == nil)
    #expect(self.source.released.withLock { $0 } == [2])
  }

  @Test("a claim that cannot be exchanged, or that others share, keeps its lease")
  func notExchanged() async throws {
    let lease = try await self.lease(1)
    let conversion = self.convert(lease)
    try await self.awaitConversion(of: 1)
    self.contention.handle(.notExchanged(1))
    #expect(try await conversion.value == nil)
    #expect(lease.isHeld(1))

    let readers = try await [self.ask(.shared), self.ask(.shared)]
    self.contention.handle(.granted(2))
    #expect(try await self.convert(try #require(await readers[0].value)).value == nil)
    #expect(try await readers[1].value?.isHeld(1) == true)
  }

  @Test("a claim that is lost while it is exchanged is told as a loss, cancelled or not")
  func lostMeanwhile() async throws {
    let lease = try await self.lease(1)
    let conversion = self.convert(lease)
    try await self.awaitConversion(of: 1)
    conversion.cancel()
    self.contention.handle(.gone(1))
    await #expect { _ = try await conversion.value } throws: { LockError.Code.lockLost ~= $0 }
    #expect(self.contention.state.withLock { $0.conversions.isEmpty })
    await #expect { _ = try await self.convert(lease).value } throws: { LockError.Code.lockLost ~= $0 }
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
  enum Event { case granted(Int), gone(Int), busy, exchanged(Int, for: Int), notExchanged(Int) }
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
    case .exchanged(let old, let new):
      self.held.remove(old)
      self.held.insert(new)
      return [.converted(old, into: new)]
    case .notExchanged(let claim): return [.unconverted(claim, nil)]
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
