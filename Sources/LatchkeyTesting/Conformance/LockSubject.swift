public import Latchkey

/// A lock implementation under test: how to make clients of it, what it promises, and which faults it can be put to.
///
/// Clients are independent of one another, as if each lived in a process of its own: each has its own session. Where locks
/// live in the process alone, clients share the registry.
///
/// ```swift
/// let subject = LockSubject(
///   label: "mutex",
///   traits: [.fenced, .fair],
///   makeClient: { registry },
///   close: { _ in }
/// )
/// for check in LockConformance.checks {
///   let outcome = try await LockConformance(subject: subject).run(check)
///   print(check, outcome)
/// }
/// ```
public struct LockSubject: Sendable {
  /// What a lock implementation promises beyond what all do.
  public struct Traits: OptionSet, Sendable, Hashable {
    /// The set as a bit mask.
    public let rawValue: Int

    /// Makes a set from its bit mask.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Its leases carry fencing tokens.
    public static let fenced = Traits(rawValue: 1)
    /// It serves waiters of different clients in the order in which they came.
    public static let fair = Traits(rawValue: 2)
    /// Its leases have a deadline.
    public static let deadline = Traits(rawValue: 4)
    /// A wait that timed out says who holds the lock, as host and process, and, if it is ``fair``, how many stood
    /// before it.
    public static let namesHolder = Traits(rawValue: 8)
    /// Of a read-write lock: readers do not overtake a writer that waits. One that is ``fair`` has this as well.
    public static let servesWriters = Traits(rawValue: 16)
    /// Of a semaphore: its limit may be shared, and changed while it is in use.
    public static let sharesLimit = Traits(rawValue: 32)
  }

  /// How many permits a semaphore is to have, for ``init(label:traits:faults:makeClient:semaphore:close:)``.
  public enum Limit: Sendable, Hashable {
    /// Always that many.
    case fixed(Int)
    /// That many at first, kept where all clients see it. Asked for only of a subject with the trait ``Traits/sharesLimit``.
    case shared(Int)
  }

  /// What a check may need from its subject.
  public enum Need: String, Sendable, Hashable, CaseIterable {
    /// The trait ``Traits/fenced``.
    case fencingTokens = "fencing tokens"
    /// That the trait ``Traits/fenced`` is missing.
    case noFencingTokens = "a lock without fencing tokens"
    /// The trait ``Traits/fair``.
    case fairness = "fairness among clients"
    /// The trait ``Traits/deadline``.
    case deadlines = "leases with a deadline"
    /// The trait ``Traits/namesHolder``.
    case namedHolders = "waits that say who holds the lock"
    /// The hook ``LockFaults/expireSession``.
    case expireSession = "a way to expire a session"
    /// The hooks ``LockFaults/cutOff`` and ``LockFaults/heal``.
    case cutOff = "a way to cut a client off and to heal it"
    /// The hook ``LockFaults/dropNextReply``.
    case dropNextReply = "a way to drop a reply"
    /// The hooks ``LockFaults/stopServers`` and ``LockFaults/startServers``.
    case restartServers = "a way to stop and start the servers"
    /// The hook ``LockFaults/leftovers``.
    case leftovers = "a count of what the backend holds"
    /// The hook ``LockFaults/breakLock``.
    case breakLock = "a way to delete a lock by hand"
    /// That a task which would wait for itself is refused, as locks do and semaphores cannot.
    case refusesOwner = "a lock that has one owner"
    /// The trait ``Traits/servesWriters``, or ``Traits/fair``.
    case servedWriters = "writers that readers do not overtake"
    /// That the lock is a `DowngradableReadWriteLock`.
    case downgrade = "a lock that can be downgraded"
    /// That the lock is an `UpgradableReadWriteLock`.
    case upgrade = "a lock that can be upgraded"
    /// The trait ``Traits/sharesLimit``.
    case sharedLimit = "a limit that can be changed"
  }

  enum Kind: Sendable {
    case lock
    case readWriteLock
    case semaphore
  }

  /// What the implementation is called in reports.
  package let label: String
  /// What it promises beyond what all do.
  package let traits: Traits
  /// The longest that any one check may take: an implementation that hangs fails.
  public var patience: Duration = .seconds(30)
  /// How late an answer may be that is due at once, or at a certain time. Much more than a working lock needs, so that a
  /// busy machine fails no check.
  public var slack: Duration = .seconds(2)
  /// How long a waiter is given to get into line where the subject cannot count its contenders.
  public var settling: Duration = .milliseconds(100)

  let kind: Kind
  let needs: Set<Need>
  let makeClient: @Sendable () async throws -> TestClient
  let stopServers: (@Sendable () async throws -> Void)?
  let startServers: (@Sendable () async throws -> Void)?
  let leftovers: (@Sendable (LockName) async throws -> Int)?
  let contenders: (@Sendable (LockName) async throws -> Int)?
  let breakLock: (@Sendable (LockName) async throws -> Void)?

  /// Describes an implementation.
  ///
  /// - Parameters:
  ///   - label: What it is called in reports.
  ///   - traits: What it promises beyond what all do.
  ///   - faults: What can be done to it.
  ///   - makeClient: Makes a client that is independent of all others.
  ///   - close: Ends a client; must not fail if the client is cut off.
  public init<Client: LockProvider>(
    label: String,
    traits: Traits,
    faults: LockFaults<Client> = LockFaults(),
    makeClient: @escaping @Sendable () async throws -> Client,
    close: @escaping @Sendable (Client) async throws -> Void
  ) {
    self.init(
      .lock,
      label: label,
      traits: traits,
      more: [.refusesOwner],
      faults: faults,
      locks: ClientLocks { $0.lock($1) },
      makeClient: makeClient,
      close: close
    )
  }

  /// Describes a read-write lock. The checks of locks are run on its writing half.
  ///
  /// - Parameters:
  ///   - label: What it is called in reports.
  ///   - traits: What it promises beyond what all do.
  ///   - faults: What can be done to it. Both halves count as one: ``LockFaults/contenders`` and ``LockFaults/leftovers`` are asked
  ///     about readers and writers together, and ``LockFaults/breakLock`` is called with one holder, of either half.
  ///   - makeClient: Makes a client that is independent of all others.
  ///   - readWriteLock: Gives a client's read-write lock of a name.
  ///   - close: Ends a client; must not fail if the client is cut off.
  public init<Client: Sendable, ReadWriteLock: DistributedReadWriteLock>(
    label: String,
    traits: Traits,
    faults: LockFaults<Client> = LockFaults(),
    makeClient: @escaping @Sendable () async throws -> Client,
    readWriteLock: @escaping @Sendable (Client, LockName) -> ReadWriteLock,
    close: @escaping @Sendable (Client) async throws -> Void
  ) {
    var needs: Set<Need> = [.refusesOwner]
    if ReadWriteLock.self is any DowngradableReadWriteLock.Type { needs.insert(.downgrade) }
    if ReadWriteLock.self is any UpgradableReadWriteLock.Type { needs.insert(.upgrade) }
    if !traits.isDisjoint(with: [.fair, .servesWriters]) { needs.insert(.servedWriters) }
    var locks = ClientLocks<Client> { readWriteLock($0, $1).writing }
    locks.readWriteLock = { readWriteLock($0, $1) }
    self.init(
      .readWriteLock,
      label: label,
      traits: traits,
      more: needs,
      faults: faults,
      locks: locks,
      makeClient: makeClient,
      close: close
    )
  }

  /// Describes a semaphore. The checks of locks are run on a semaphore with a fixed limit of 1.
  ///
  /// - Parameters:
  ///   - label: What it is called in reports.
  ///   - traits: What it promises beyond what all do.
  ///   - faults: What can be done to it. ``LockFaults/contenders`` counts calls, however many permits each asks for.
  ///   - makeClient: Makes a client that is independent of all others.
  ///   - semaphore: Gives a client's semaphore of a name; all clients ask with the same limit.
  ///   - close: Ends a client; must not fail if the client is cut off.
  public init<Client: Sendable, Semaphore: DistributedSemaphore>(
    label: String,
    traits: Traits,
    faults: LockFaults<Client> = LockFaults(),
    makeClient: @escaping @Sendable () async throws -> Client,
    semaphore: @escaping @Sendable (Client, LockName, Limit) -> Semaphore,
    close: @escaping @Sendable (Client) async throws -> Void
  ) {
    var locks = ClientLocks<Client> { PermitLock(semaphore: semaphore($0, $1, .fixed(1)), permits: 1) }
    locks.semaphore = { semaphore($0, $1, $2) }
    self.init(
      .semaphore,
      label: label,
      traits: traits,
      more: traits.contains(.sharesLimit) ? [.sharedLimit] : [],
      faults: faults,
      locks: locks,
      makeClient: makeClient,
      close: close
    )
  }

  private init<Client: Sendable>(
    _ kind: Kind,
    label: String,
    traits: Traits,
    more: Set<Need>,
    faults: LockFaults<Client>,
    locks: ClientLocks<Client>,
    makeClient: @escaping @Sendable () async throws -> Client,
    close: @escaping @Sendable (Client) async throws -> Void
  ) {
    self.kind = kind
    self.label = label
    self.traits = traits
    self.needs = Self.needs(traits, faults).union(more)
    self.makeClient = { TestClient(try await makeClient(), locks, faults, close: close) }
    self.stopServers = faults.stopServers
    self.startServers = faults.startServers
    self.leftovers = faults.leftovers
    self.contenders = faults.contenders
    self.breakLock = faults.breakLock
  }

  private static func needs<Client>(_ traits: Traits, _ faults: LockFaults<Client>) -> Set<Need> {
    var needs: Set<Need> = [traits.contains(.fenced) ? .fencingTokens : .noFencingTokens]
    if traits.contains(.fair) { needs.insert(.fairness) }
    if traits.contains(.deadline) { needs.insert(.deadlines) }
    if traits.contains(.namesHolder) { needs.insert(.namedHolders) }
    if faults.expireSession != nil { needs.insert(.expireSession) }
    if faults.cutOff != nil, faults.heal != nil { needs.insert(.cutOff) }
    if faults.dropNextReply != nil { needs.insert(.dropNextReply) }
    if faults.stopServers != nil, faults.startServers != nil { needs.insert(.restartServers) }
    if faults.leftovers != nil { needs.insert(.leftovers) }
    if faults.breakLock != nil { needs.insert(.breakLock) }
    return needs
  }
}
