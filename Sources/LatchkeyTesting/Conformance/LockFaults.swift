public import Latchkey

/// The replies that a fault can drop between server and client.
public enum LockReply: String, Sendable, Hashable, CaseIterable {
  /// The reply to the request that asks for the lock.
  case acquire
  /// The reply to the request that gives the lock back.
  case release
}

/// What a test can do to a backend and its clients. A hook that is left out makes the checks that need it not applicable;
/// they are listed as such, never counted as passed.
public struct LockFaults<Client: Sendable>: Sendable {
  /// Makes the servers forget the client's session at once, as if it had been silent for too long.
  public var expireSession: (@Sendable (Client) async throws -> Void)?
  /// Cuts the client off from all servers, without closing its connections.
  public var cutOff: (@Sendable (Client) async throws -> Void)?
  /// Ends `cutOff`.
  public var heal: (@Sendable (Client) async throws -> Void)?
  /// Drops the next reply of a kind to the client and breaks its connection, after the server has carried out the request.
  public var dropNextReply: (@Sendable (Client, LockReply) async throws -> Void)?
  /// Stops all servers; what they store on disk stays.
  public var stopServers: (@Sendable () async throws -> Void)?
  /// Starts the servers again and waits until they answer.
  public var startServers: (@Sendable () async throws -> Void)?
  /// How many nodes or keys the backend holds for a lock on behalf of holders and waiters. Asked past the client, so that
  /// nothing that a client remembers can hide a leak.
  public var leftovers: (@Sendable (LockName) async throws -> Int)?
  /// How many callers hold or wait for a lock, in all clients, the local lines included.
  public var contenders: (@Sendable (LockName) async throws -> Int)?
  /// Deletes by hand what makes the present holder the holder.
  public var breakLock: (@Sendable (LockName) async throws -> Void)?

  /// Offers no fault at all; set the hooks that there are.
  public init() {}
}
