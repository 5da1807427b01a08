public import Latchkey

/// An election under test: how to make clients of it, and which faults it can be put to.
///
/// Clients are independent of one another, as if each lived in a process of its own. Where elections live in the process alone,
/// clients share what they agree on.
public struct ElectionSubject: Sendable {
  /// What the implementation is called in reports.
  package let label: String
  /// The longest that any one check may take.
  public var patience: Duration = .seconds(30)
  /// How late an answer may be that is due at once. Much more than a working election needs.
  public var slack: Duration = .seconds(5)

  let needs: Set<ElectionConformance.Need>
  let makeClient: @Sendable () async throws -> ElectionClient
  let leftovers: (@Sendable (LockName) async throws -> Int)?

  /// Describes an implementation.
  ///
  /// - Parameters:
  ///   - label: What it is called in reports.
  ///   - faults: What can be done to it; of the hooks, ``LockFaults/expireSession``, ``LockFaults/cutOff``, ``LockFaults/heal`` and
  ///     ``LockFaults/leftovers`` are used.
  ///   - makeClient: Makes a client that is independent of all others.
  ///   - election: Gives a client's election of a name.
  ///   - close: Ends a client; must not fail if the client is cut off.
  public init<Client: Sendable>(
    label: String,
    faults: LockFaults<Client> = LockFaults(),
    makeClient: @escaping @Sendable () async throws -> Client,
    election: @escaping @Sendable (Client, LockName) -> any LeaderElection,
    close: @escaping @Sendable (Client) async throws -> Void
  ) {
    self.label = label
    var needs: Set<ElectionConformance.Need> = []
    if faults.expireSession != nil { needs.insert(.expireSession) }
    if faults.cutOff != nil, faults.heal != nil { needs.insert(.cutOff) }
    if faults.leftovers != nil { needs.insert(.leftovers) }
    self.needs = needs
    self.leftovers = faults.leftovers
    self.makeClient = {
      let client = try await makeClient()
      return ElectionClient(
        election: { election(client, $0) },
        close: { try await close(client) },
        expireSession: { try await faults.expireSession?(client) },
        cutOff: { try await faults.cutOff?(client) },
        heal: { try await faults.heal?(client) }
      )
    }
  }
}

/// A subject's client, with its type put away.
struct ElectionClient: Sendable {
  let election: @Sendable (LockName) -> any LeaderElection
  let close: @Sendable () async throws -> Void
  let expireSession: @Sendable () async throws -> Void
  let cutOff: @Sendable () async throws -> Void
  let heal: @Sendable () async throws -> Void
}
