internal import LatchkeyProcesses

/// Why a throw-away server could not be started, or did not do what was asked of it.
public struct ServerError: Error, Hashable, Sendable {
  /// The kind of a ``ServerError``.
  public enum Code: Hashable, Sendable {
    /// The server's program is not on this machine.
    case missing
    /// The operating system refused something: a folder, a pipe, a new process.
    case system
    /// The server's process ended when it should have run.
    case exited
    /// A port that the server was given is taken; another start takes other ports.
    case addressInUse
    /// The server runs, but was not ready within the time allowed.
    case notReady
    /// The server did not answer a question.
    case noAnswer
    /// The server answered a question with an error.
    case refused
    /// What goes through a proxy cannot be divided into messages: it is encrypted, or breaks its protocol.
    case unreadable
  }

  /// The kind of the error.
  public let code: Code

  /// What happened and what to do next, with the end of the server's log where there is one.
  public let message: String

  /// Makes an error.
  ///
  /// - Parameters:
  ///   - code: The kind of the error.
  ///   - message: What happened and what to do next.
  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }
}

extension ServerError: CustomStringConvertible {
  /// The message.
  public var description: String { self.message }
}

/// Does something that the operating system may refuse.
func systemCall<Result>(_ body: () throws(SystemError) -> Result) throws(ServerError) -> Result {
  do {
    return try body()
  } catch {
    let text = error.description
    throw ServerError(.system, "\(text.prefix(1).uppercased())\(text.dropFirst()).")
  }
}
