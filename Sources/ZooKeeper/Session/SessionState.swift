/// What a client's session is doing.
///
/// The legal order: `connecting`, then `connected` and `suspended` in turn, then perhaps `expired`, after which a new session
/// begins with `connecting`. `authenticationFailed` is always followed by `closed`; `closed` is the last state.
public enum SessionState: Hashable, Sendable {
  /// A session is being opened.
  case connecting
  /// The session is connected to a server.
  case connected
  /// The connection is lost; the session may live on, and is resumed if a server is found in time.
  case suspended
  /// The servers have ended the session: its ephemeral nodes and watches are gone. The client opens a new one.
  case expired
  /// The servers refused the credentials.
  case authenticationFailed
  /// The client is closed.
  case closed
}
