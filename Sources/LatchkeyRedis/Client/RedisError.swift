package import LatchkeyNetwork

/// What went wrong with a command or with the connection: a code for programs, a message for people. Holds no credential.
public struct RedisError: Error, Hashable, Sendable {
  /// The kind of failure.
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// No connection could be made. The command was not carried out.
    case unreachable
    /// The connection broke after the command may have been sent: it may have been carried out.
    case connectionLost
    /// No reply came in time: the command may have been carried out, or may be yet.
    case timedOut
    /// The server answered with an error.
    case server
    /// The server refused the user, the password or the command (`NOAUTH`, `WRONGPASS`, `NOPERM`).
    case notAuthorized
    /// What came is not the Redis protocol.
    case protocolViolation
    /// Too many commands wait already. This one was not sent.
    case queueFull
    /// The connection was closed by its owner. The command was not carried out.
    case closed
    /// The task that waited was cancelled: the command may have been carried out, or may be yet.
    case cancelled
    /// The settings contradict themselves, or the server cannot do what they ask.
    case invalidConfiguration
  }

  /// The kind of failure.
  public var code: Code

  /// One sentence: what happened and, where ``description`` adds nothing, what to do next. For `server` it is the server's own
  /// text.
  public var message: String

  /// What keeps both ends from a connection, where it is known.
  package var trouble: ConnectFailureReason?

  /// Makes an error.
  ///
  /// - Parameters:
  ///   - code: The kind of failure.
  ///   - message: What happened, and what to do next.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

extension RedisError: CustomStringConvertible {
  /// The message, and what to do if there is no connection.
  public var description: String { self.trouble.map { "\(self.message); \($0.advice)" } ?? self.message }
}
