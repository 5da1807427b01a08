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
    self.label = label
    self.traits = traits
    self.needs = Self.needs(traits, faults)
    self.makeClient = { TestClient(try await makeClient(), faults, close: close) }
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

/// A subject's client, with its type and its faults put away.
struct TestClient: Sendable {
  let lock: @Sendable (LockName) -> any DistributedLock
  let close: @Sendable () async throws -> Void
  let expireSession: @Sendable () async throws -> Void
  let cutOff: @Sendable () async throws -> Void
  let heal: @Sendable () async throws -> Void
  let dropNextReply: @Sendable (LockReply) async throws -> Void

  init<Client: LockProvider>(
    _ client: Client,
    _ faults: LockFaults<Client>,
    close: @escaping @Sendable (Client) async throws -> Void
  ) {
    // A check that calls a hook says so in its needs, and does not run where the hook is missing.
    self.lock = { client.lock($0) }
    self.close = { try await close(client) }
    self.expireSession = { try await faults.expireSession?(client) }
    self.cutOff = { try await faults.cutOff?(client) }
    self.heal = { try await faults.heal?(client) }
    self.dropNextReply = { try await faults.dropNextReply?(client, $0) }
  }
}
