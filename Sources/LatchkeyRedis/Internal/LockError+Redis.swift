internal import Latchkey

extension RedisError {
  /// Whether asking again may help.
  var isTransient: Bool {
    switch self.code {
    case .unreachable, .connectionLost, .timedOut, .protocolViolation, .queueFull, .cancelled: true
    case .closed, .notAuthorized, .invalidConfiguration: false
    case .server: Self.passing.contains { self.serverReason.hasPrefix($0) }
    }
  }

  /// Whether the server has answered that it will not, as opposed to no answer.
  var isRefusal: Bool {
    switch self.code {
    case .server, .notAuthorized, .invalidConfiguration: true
    default: false
    }
  }

  /// What the error means for a request that was to plant a key.
  var requestFailure: RequestFailure {
    switch self.code {
    case .connectionLost, .timedOut, .protocolViolation, .cancelled: .inDoubt
    case .unreachable, .queueFull, .closed, .notAuthorized, .invalidConfiguration, .server: .notDone
    }
  }

  /// The errors of a server that starts, is busy, or has just lost or changed its place among others.
  private static let passing = [
    "LOADING", "BUSY ", "MASTERDOWN", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "MOVED", "ASK", "NOREPLICAS", "OOM",
    "MISCONF",
  ]

  /// Whether the server is a member of a cluster that does not hold the lock's key. Redirections are not followed.
  var isRedirection: Bool { self.code == .server && self.serverReason.hasPrefix("MOVED") }

  /// Whether the server is a replica, which grants nothing; it may become a master, or have been one.
  var isOfReplica: Bool {
    self.code == .server && ["READONLY", "MASTERDOWN"].contains { self.serverReason.hasPrefix($0) }
  }

  /// What a server has against a command. Before version 7 it wraps what was refused within a script: "ERR Error running script
  /// (call to f_…): @user_script:5: @user_script: 5: -READONLY You can't write …".
  fileprivate var serverReason: Substring {
    guard self.message.hasPrefix("ERR Error running script"), let reason = self.message.firstRange(of: ": -") else {
      return self.message[...]
    }
    return self.message[reason.upperBound...]
  }
}

extension LockError {
  /// What a Redis error means for a lock.
  ///
  /// - Parameters:
  ///   - name: The lock's name.
  ///   - error: What went wrong.
  ///   - keys: The keys that were asked for; none if it is not about them.
  init(_ name: LockName, _ error: RedisError, keys: [[UInt8]] = []) {
    let (code, message): (Code, String) =
      switch error.code {
      case .closed: (.closed, "the Redis connection is closed; use the lock while it is open")
      case .notAuthorized where error.message.hasPrefix("NOPERM") && !keys.isEmpty:
        (
          .notAuthorized,
          "the server's ACL does not let this user take the lock; allow the keys "
            + keys.map { "\"\(String(decoding: $0, as: UTF8.self))\"" }.joined(separator: " and ")
            + ", and the commands that LocksOnRedis lists"
        )
      case .notAuthorized where error.trouble != nil: (.notAuthorized, "the server refuses this client")
      case .notAuthorized:
        (.notAuthorized, "the server refuses this client; check user, password, and what its ACL allows")
      case .invalidConfiguration: (.invalidConfiguration, "the settings cannot work")
      case .server where error.serverReason.hasPrefix("WRONGTYPE"):
        (.backendFailure, "the lock's key holds something else than a lock; choose another name, or a prefix")
      case .server where error.isRedirection:
        (
          .backendFailure,
          "another member of the cluster holds the lock's key; plug in a client that follows redirections"
        )
      case .server where error.isOfReplica:
        (.unreachable, "the server is a replica, which grants no locks; connect to its master")
      case .server where error.isTransient: (.unreachable, "the server cannot grant locks at present; it says why")
      case .server where error.message.hasPrefix("ERR unknown command"):
        (.backendFailure, "the server runs no scripts, and the locks are scripts; is it a Sentinel, or a proxy?")
      case .server: (.backendFailure, "the server answered with an error")
      case .unreachable where error.trouble != nil:
        // The error itself says what to do.
        (.unreachable, "the server could not be asked")
      default: (.unreachable, "the server could not be asked; check its address and that it runs")
      }
    self.init(code, name: name, message: message, underlying: error)
  }
}
