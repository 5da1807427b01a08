public import LatchkeyPrimitives
public import Logging

/// What a granted claim proves: the parts of a lease that only the backend knows.
@usableFromInline
package struct ClaimTerms<Lease: Sendable>: Sendable {
  /// Greater than the token of every earlier grant; nil where the backend cannot promise that.
  @usableFromInline
  package var token: FencingToken?
  /// What proves that the claim stands.
  @usableFromInline
  package var term: Term
  /// Tells the lease from all others of its client.
  @usableFromInline
  package var number: UInt64 = 1
  /// Called with the lease before its caller resumes, and after the contention's lock.
  @usableFromInline
  package var begin: (@Sendable (Lease) -> Void)?

  package init(token: FencingToken?, term: Term, number: UInt64 = 1, begin: (@Sendable (Lease) -> Void)? = nil) {
    self.token = token
    self.term = term
    self.number = number
    self.begin = begin
  }
}

/// The shell of a ``ContentionMachine``: how one lock is contended for at one backend.
///
/// Functions that get a `Local` are called under the contention's lock, and must not call anybody; all others are called outside.
@usableFromInline
package protocol ContentionBackend: AnyObject, Sendable {
  associatedtype Machine: ContentionMachine
  /// What the backend keeps about the lock, guarded by the contention's lock.
  associatedtype Local: Sendable
  /// What is to be done after the lock.
  associatedtype Job: Sendable
  /// Why it is not known who holds the lock.
  associatedtype Silence: Sendable
  /// What is common to all locks of a set, guarded by the lock of their table.
  associatedtype Shared: Sendable
  /// What makes contentions and keeps them up to date: a set of locks.
  associatedtype Source: AnyObject & Sendable
  associatedtype Timer: Sendable

  typealias ClaimLease = TermLease<Contention<Self>>

  var name: LockName { get }
  var backend: LockBackend { get }
  var logger: Logger { get }
  /// How this process is shown to others as the holder.
  var ownDescription: String { get }
  /// How long a try waits for its answer; nil where requests end by themselves.
  var tryTimeout: Duration? { get }
  /// How long a wait waits for the first answer of the servers; nil where requests end by themselves.
  var firstAnswerTimeout: Duration? { get }
  /// Why a lease is lost whose claim is gone, to follow "the lock was lost:".
  var lossOfClaim: String { get }

  /// Makes the contention for a lock; called under the lock of the table.
  static func contention(for name: LockName, of source: Source, _ shared: Shared) -> Contention<Self>

  // MARK: Under the lock

  func context(_ local: Local) -> Machine.Context

  /// What a granted claim proves.
  func terms(of claim: Machine.Claim, _ local: inout Local) -> ClaimTerms<ClaimLease>

  /// How many of a semaphore's permits a claim stands for; 0 for that of a lock.
  func permits(of claim: Machine.Claim) -> Int

  /// Turns requests of one step into what is to be done for them after the lock, and brings the backend's own state in line with
  /// the machine's.
  ///
  /// - Parameter hasDeadline: Whether a caller may run out of time, and will then want to know who holds the lock.
  func jobs(
    for requests: [Machine.Request],
    _ machine: Machine,
    _ local: inout Local,
    hasDeadline: Bool
  ) -> [Job]

  /// What a place in the queue tells callers.
  func wait(at standing: Machine.Standing?, _ local: Local) -> LockError.Wait

  /// Why it is not known who holds the lock; nil if it is.
  ///
  /// - Parameter mustExplain: Whether the caller is owed a reason: a try, or a wait without a first answer.
  func silence(_ machine: Machine, _ local: Local, waited: Duration, mustExplain: Bool) -> Silence?

  /// A lease is about to be released.
  func willRelease(_ lease: ClaimLease, _ local: inout Local)

  /// Whether nothing keeps the contention from being forgotten while it is idle.
  func mayRetire(_ local: Local) -> Bool

  // MARK: Outside the lock

  /// Refuses a lock that cannot be, before anything is asked.
  func checkName() throws(LockError)

  /// Waits until the servers can be asked, which need not be for a lock.
  ///
  /// - Parameters:
  ///   - start: When the call began.
  ///   - budget: How long it may take in all; nil for as long as the backend allows for a first connection.
  /// - Returns: From when on the first answer is waited for.
  func awaitConnection(
    from start: ContinuousClock.Instant,
    within budget: Duration?,
    isTry: Bool
  ) async throws(LockError) -> ContinuousClock.Instant

  /// Asks for a try whether the lock can be had, where that takes less than contending for it.
  ///
  /// - Returns: Who holds it; nil if that must be found out by contending.
  func askFirst(
    _ contention: Contention<Self>,
    for want: Want,
    until deadline: ContinuousClock.Instant?
  ) async throws(LockError) -> LockError.Wait?

  /// A caller has joined: if the client was closed meanwhile, the contention may have missed that.
  func joined(_ contention: Contention<Self>)

  /// The error of a caller that cannot be told who holds the lock; nil if it has only run out of time.
  func unreachable(_ silence: Silence?, waited: Duration) -> LockError?

  func perform(_ jobs: [Job], for contention: Contention<Self>)

  /// Asks the backend now whether the lease still stands, and moves its deadline where that is how deadlines move.
  func extend(_ lease: ClaimLease, of contention: Contention<Self>) async throws(LockError)

  /// A release has begun, or a lease has ended: what kept it alive is no longer needed.
  func forget(_ lease: ClaimLease)

  /// The term of a lease has ended while nobody had released it.
  func termEnded(_ lease: ClaimLease, of contention: Contention<Self>)

  func setTimer(at time: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> Timer
  func cancel(_ timer: Timer)

  // MARK: Compiled with the backend
  // A lease knows its contention as any owner of leases, whose generic code the compiler does not specialize. Through these
  // requirements, with defaults that are inlinable, a release comes to code that it has.

  /// Begins a release.
  ///
  /// - Returns: The handler that settles it when the lease's term ends before the backend has answered.
  func beginRelease(
    of lease: ClaimLease,
    by contention: Contention<Self>,
    resuming continuation: CheckedContinuation<ReleaseOutcome, Never>
  ) -> UInt64?

  /// Frees the claim of a lease, without anybody waiting for it.
  func giveBack(_ lease: ClaimLease, by contention: Contention<Self>)
}

extension ContentionBackend {
  @inlinable
  package func beginRelease(
    of lease: ClaimLease,
    by contention: Contention<Self>,
    resuming continuation: CheckedContinuation<ReleaseOutcome, Never>
  ) -> UInt64? { contention.release(lease, resuming: continuation) }

  @inlinable
  package func giveBack(_ lease: ClaimLease, by contention: Contention<Self>) { contention.giveBack(lease) }

  package func permits(of claim: Machine.Claim) -> Int { 0 }
  package func willRelease(_ lease: ClaimLease, _ local: inout Local) {}
  package func mayRetire(_ local: Local) -> Bool { true }
  package func checkName() throws(LockError) {}
  package func askFirst(
    _ contention: Contention<Self>,
    for want: Want,
    until deadline: ContinuousClock.Instant?
  ) async throws(LockError) -> LockError.Wait? { nil }
  package func joined(_ contention: Contention<Self>) {}
  package func forget(_ lease: ClaimLease) {}
  package func termEnded(_ lease: ClaimLease, of contention: Contention<Self>) {}
}

extension ContentionBackend where Timer == Task<Void, Never> {
  package func setTimer(at time: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> Timer {
    Task.detached {
      do {
        try await sleep(untilExactly: time)
      } catch {
        return  // Cancelled: nobody waits for it any more.
      }
      body()
    }
  }

  package func cancel(_ timer: Timer) { timer.cancel() }
}
