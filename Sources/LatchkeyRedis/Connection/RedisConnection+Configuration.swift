public import Logging
public import NIOCore

extension RedisConnection {
  /// Where the server is and how to talk to it. Its descriptions never show a password.
  public struct Configuration: Sendable {
    /// Who the client says it is.
    public struct Credential: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
      /// The user; nil for the default user.
      public var user: String?
      /// The password; never shown.
      public var password: String

      /// Names a user.
      ///
      /// - Parameters:
      ///   - user: The user; nil for the default user, which is the only one before Redis 6.
      ///   - password: The password.
      public init(user: String? = nil, password: String) {
        self.user = user
        self.password = password
      }

      /// The user's name.
      public var description: String { "\(self.user ?? "default"):<hidden>" }

      /// The user's name alone, so that dumps do not show the password.
      public var customMirror: Mirror { Mirror(self, children: ["user": self.user ?? "default"]) }
    }

    /// Which version of the protocol to speak.
    public enum ProtocolVersion: Hashable, Sendable {
      /// RESP3, or RESP2 with a server that does not know the former.
      case newest
      /// RESP2, for what lies between and understands nothing else.
      case resp2
    }

    /// The server's name or address.
    public var host: String
    /// The server's port.
    public var port: Int
    /// Encryption; nil for none.
    public var tls: TLS?
    /// Who the client says it is; nil to say nothing.
    public var credential: Credential?
    /// The number of the database.
    public var database = 0
    /// Which version of the protocol to speak.
    public var protocolVersion = ProtocolVersion.newest
    /// How long it may take until a connection is made, encrypted, and accepted by the server.
    public var connectTimeout = Duration.seconds(2)
    /// How long the reply to a command may take, its wait for a connection included.
    public var commandTimeout = Duration.seconds(5)
    /// How long a server may say nothing at all to commands that it owes replies to, until the connection counts as broken and
    /// another is made.
    public var silenceLimit = Duration.seconds(15)
    /// The shortest and the longest pause before another attempt to connect. The pause doubles with each failure, and half of
    /// it is left to chance, so that clients do not all come back at the same moment.
    public var reconnectPause = Duration.milliseconds(20)...Duration.seconds(1)
    /// Where the connection reads and writes; nil for an event loop that all such connections of the process share, with one
    /// thread that nobody else uses. Connections to the servers of a ``Redlock`` are best on one and the same.
    public var eventLoop: (any EventLoop)?
    /// For how long the event loop looks for a reply again and again, instead of going to sleep until it comes, when no more
    /// than two are awaited; zero for not at all.
    ///
    /// Where the server is near, on the same machine or the same rack, waking up takes longer than the reply itself, and looking
    /// out saves about a third of an uncontended lock's time. It costs the processor's time until the reply comes, during which
    /// the event loop runs tasks and reads nothing else. A server whose replies take longer than this is found out by eight
    /// replies, and then looked out for once in 64. Not done for encrypted connections.
    ///
    /// Nil for 150 µs where ``eventLoop`` is nil, and for not at all on an event loop that is given, since other channels may
    /// wait there. At most a millisecond.
    public var busyPolling: Duration?
    /// How many commands may wait for their replies, or for a connection; one more is refused.
    public var commandLimit = 16_384
    /// Where the connection logs.
    public var logger = Logger(label: "redis")
    /// Whether each connection asks the server at its beginning which run it is, for Redlock.
    public var tracksServer = false

    /// Names the server.
    ///
    /// - Parameters:
    ///   - host: Its name or address.
    ///   - port: Its port.
    public init(host: String, port: Int = 6379) {
      self.host = host
      self.port = port
    }

    /// The server, as `host:port`.
    public var address: String { self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)" }

    /// Checks what can be checked without a server.
    ///
    /// - Throws: ``RedisError`` with the code `invalidConfiguration` and what to do about it.
    public func validate() throws(RedisError) {
      guard !self.host.isEmpty else {
        throw .invalid("There is no host; name the server, such as localhost.")
      }
      let isName = !self.host.unicodeScalars.contains { scalar in
        scalar.properties.isWhitespace || scalar == "\0" || "@/?#,".unicodeScalars.contains(scalar)
      }
      guard isName else {
        // Not quoted: it may be a user and a password.
        throw .invalid("The host holds a character that no host name has; give user and password as credential.")
      }
      guard (1...65_535).contains(self.port) else {
        throw .invalid("The port is \(self.port); give a number from 1 to 65535.")
      }
      guard self.database >= 0 else {
        throw .invalid("The database is \(self.database); databases are numbered from 0.")
      }
      for (name, value) in [
        ("connectTimeout", self.connectTimeout), ("commandTimeout", self.commandTimeout),
        ("silenceLimit", self.silenceLimit), ("reconnectPause", self.reconnectPause.lowerBound),
      ] where value <= .zero || value > .seconds(86_400) {
        throw .invalid("\(name) is \(value); give a positive duration of at most a day.")
      }
      if let busyPolling, busyPolling < .zero || busyPolling > .milliseconds(1) {
        throw .invalid(
          "busyPolling is \(busyPolling), and the event loop reads from nobody else meanwhile; give at most a millisecond, "
            + "or zero for none."
        )
      }
      guard self.silenceLimit >= self.commandTimeout else {
        throw .invalid(
          "silenceLimit (\(self.silenceLimit)) is shorter than commandTimeout (\(self.commandTimeout)); "
            + "a command would end with its connection instead of its own timeout."
        )
      }
      if let tls = self.tls, tls.verification == .full, let name = tls.serverName, name != self.host,
        (try? SocketAddress(ipAddress: name, port: 0)) != nil
      {
        // What an address is compared with is the one that is connected to, so this one would not be looked for.
        throw .invalid("The server name to expect, \(name), is an address; give a name, or connect to that address.")
      }
      guard self.commandLimit > 0 else {
        throw .invalid("commandLimit is \(self.commandLimit); at least one command must have room.")
      }
    }
  }
}

extension RedisError {
  static func invalid(_ message: String) -> RedisError {
    RedisError(.invalidConfiguration, message)
  }
}
