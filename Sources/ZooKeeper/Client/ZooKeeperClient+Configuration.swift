internal import CZooKeeper
public import Logging

extension ZooKeeperClient {
  /// Who the client says it is.
  public struct Credential: Hashable, Sendable, CustomStringConvertible {
    /// How the servers are to understand the credential, such as `digest`.
    public var scheme: String
    /// The credential itself, such as `user:password`.
    public var bytes: [UInt8]

    /// Makes a credential.
    ///
    /// - Parameters:
    ///   - scheme: How the servers are to understand it.
    ///   - credential: The credential itself.
    public init(scheme: String, credential: String) {
      self.scheme = scheme
      self.bytes = Array(credential.utf8)
    }

    /// A user with a password.
    ///
    /// - Parameters:
    ///   - user: The user.
    ///   - password: The password.
    /// - Returns: The credential.
    public static func digest(user: String, password: String) -> Credential {
      Credential(scheme: "digest", credential: "\(user):\(password)")
    }

    /// The scheme; the credential is never shown.
    public var description: String { "\(self.scheme):<hidden>" }
  }

  /// Where the servers are and how to talk to them.
  public struct Configuration: Sendable {
    /// What is sent to prove that the session lives, while anything depends on it.
    public enum Heartbeat: Hashable, Sendable {
      /// A small request that a majority of the servers must agree to: the proof is sound whatever fails.
      case quorum
      /// A `sync`, which costs no write, and which a leader that was deposed a moment ago may still answer.
      case sync
    }

    /// Encryption, where the installed C client can do it.
    public struct TLS: Hashable, Sendable, CustomStringConvertible {
      /// The file of the authority that signed the servers' certificates (PEM).
      public var authorityFile: String
      /// The file of the client's certificate chain (PEM).
      public var certificateFile: String
      /// The file of the client's private key (PEM).
      public var keyFile: String
      /// The key's password; never shown.
      public var password: String

      /// Names the files.
      ///
      /// - Parameters:
      ///   - authorityFile: The file of the authority that signed the servers' certificates.
      ///   - certificateFile: The file of the client's certificate chain.
      ///   - keyFile: The file of the client's private key.
      ///   - password: The key's password.
      public init(authorityFile: String, certificateFile: String, keyFile: String, password: String = "") {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.password = password
      }

      /// What the C client is given, in its order.
      var parts: [(name: String, value: String)] {
        [
          ("authorityFile", self.authorityFile), ("certificateFile", self.certificateFile), ("keyFile", self.keyFile),
          ("password", self.password),
        ]
      }

      /// The files.
      public var description: String { "TLS(\(self.authorityFile), \(self.certificateFile), \(self.keyFile))" }
    }

    /// The servers, each as `host:port`.
    public var servers: [String]
    /// The node that all paths are taken from, such as `/app`; empty for the root. It must exist.
    public var chroot: String
    /// After how long without a sign of life the servers may end the session. They may negotiate another value: by default no
    /// less than two of their ticks and no more than twenty. Of less than two ticks and less than a second, the smaller of both
    /// is asked for.
    public var sessionTimeout = Duration.seconds(30)
    /// How long the first connection may take, and how long an operation waits for a connection.
    public var connectTimeout = Duration.seconds(10)
    /// The servers' `tickTime`.
    public var tick = Duration.seconds(2)
    /// What is sent to prove that the session lives.
    public var heartbeat = Heartbeat.quorum
    /// Who the client says it is. Never logged.
    public var credentials: [Credential] = []
    /// The access control list of nodes created without one.
    public var defaultACL: [ACL] = .open
    /// Encryption; nil for none.
    public var tls: TLS?
    /// The largest request that is sent, in bytes. Servers hang up on requests larger than their `jute.maxbuffer`, 1 MiB by
    /// default, and all requests that are under way fail with it.
    public var maximumRequestSize = 1_000_000
    /// Whether several servers may be named that are not one ensemble.
    ///
    /// Off by default: two servers that know nothing of each other each grant the same lock. When a session is made, the client
    /// asks the server for its ensemble if it has been given more than one server, and refuses a stand-alone server.
    public var allowsStandaloneServers = false
    /// Where the client logs.
    public var logger = Logger(label: "zookeeper")
    /// How host names are looked up.
    package var resolver = HostResolver.system
    /// How many watches and ephemeral nodes a session may have.
    package var pathLimits = PathBudget.Limits()
    /// How long after it was looked whether ephemeral nodes still exist that may be done again.
    package var auditPause = Duration.seconds(10)

    /// Names the servers.
    ///
    /// - Parameters:
    ///   - servers: The servers, each as `host:port` (`[address]:port` for IPv6).
    ///   - chroot: The node that all paths are taken from; empty for the root.
    public init(servers: [String], chroot: String = "") {
      self.servers = servers
      self.chroot = chroot
    }

    /// Takes the servers from a connect string.
    ///
    /// - Parameter connectString: `host:port[,host:port…][/chroot]`.
    public init(connectString: String) {
      let slash = connectString.firstIndex(of: "/") ?? connectString.endIndex
      let servers = connectString[..<slash].split(separator: ",", omittingEmptySubsequences: false)
      self.init(
        servers: servers.map { String($0.trimmingSpaces) },
        chroot: connectString[slash...] == "/" ? "" : String(connectString[slash...])
      )
    }

    /// The session timeout that the servers are asked for. The C client gives a server no more than two thirds of it to answer
    /// the first time, so that one which is far too short would never find a server that answers.
    var requestedTimeout: Duration { max(self.sessionTimeout, min(self.tick * 2, .seconds(1))) }

    /// Whether several servers are named that must then be one ensemble.
    var refusesStandaloneServer: Bool {
      !self.allowsStandaloneServers && Set(self.servers.map { $0.lowercased() }).count > 1
    }

    /// The connect string: servers and chroot, no credentials.
    public var connectString: String { self.servers.joined(separator: ",") + self.chroot }

    /// Checks what can be checked without a server.
    ///
    /// - Throws: ``ZooKeeperError`` with code ``ZooKeeperCode/invalidConfiguration`` (or ``ZooKeeperCode/notSupported``) and
    ///   what to do about it.
    public func validate() throws(ZooKeeperError) {
      guard !self.servers.isEmpty, self.servers != [""] else {
        throw Self.invalid("no servers are given; name at least one as host:port, such as localhost:2181")
      }
      for (index, server) in self.servers.enumerated() {
        // Not quoted: where user and password were written before a host, what is wrong is a piece of them.
        if let problem = Self.problem(withServer: server) {
          throw Self.invalid("server number \(index + 1) \(problem)")
        }
      }
      if !self.chroot.isEmpty {
        if let problem = self.chroot == "/" ? "\"/\" is no chroot" : NodePath.problem(with: self.chroot) {
          throw Self.invalid("the chroot is not valid: \(problem); write it as /app/part")
        }
      }
      for (name, value) in [
        ("sessionTimeout", self.sessionTimeout), ("connectTimeout", self.connectTimeout), ("tick", self.tick),
      ] where value <= .zero {
        throw Self.invalid("\(name) is \(value); give a positive duration")
      }
      guard self.sessionTimeout <= .seconds(86_400) else {
        throw Self.invalid("sessionTimeout is \(self.sessionTimeout); servers accept at most 20 ticks")
      }
      guard self.maximumRequestSize > 0 else {
        throw Self.invalid("maximumRequestSize is \(self.maximumRequestSize); give a positive number of bytes")
      }
      guard !self.defaultACL.isEmpty else {
        throw Self.invalid("defaultACL is empty, so that nobody could use a node; take .open or .creatorAll")
      }
      // The C client takes them all as one list.
      for (name, value) in self.tls?.parts ?? [] where value.contains(",") {
        throw Self.invalid("tls.\(name) contains a comma, which the ZooKeeper C client cannot take; give one without")
      }
      if self.tls != nil, !czk_has_tls() {
        throw ZooKeeperError(
          .notSupported,
          operation: "configure",
          detail:
            "the installed ZooKeeper C client was built without TLS; install one with OpenSSL or connect through a tunnel"
        )
      }
    }

    private static func invalid(_ detail: String) -> ZooKeeperError {
      ZooKeeperError(.invalidConfiguration, operation: "configure", detail: detail)
    }

    private static func problem(withServer server: String) -> String? {
      guard let colon = server.lastIndex(of: ":"), colon != server.startIndex else {
        return "has no port; write it as host:port, such as localhost:2181"
      }
      let port = server[server.index(after: colon)...]
      guard let number = UInt16(port), number > 0, port.allSatisfy(\.isNumber) else {
        return "has a port that is no number from 1 to 65535; write it as host:port, such as localhost:2181"
      }
      let host = server[..<colon]
      if host.contains(":"), !(host.hasPrefix("[") && host.hasSuffix("]")) {
        return "has an IPv6 address without brackets; write it as [address]:port"
      }
      if host.unicodeScalars.contains(where: {
        $0.properties.isWhitespace || $0 == "\0" || ",/@?#".unicodeScalars.contains($0)
      }) {
        return "holds a character that no host name has; give user and password as credentials"
      }
      return nil
    }

    var tlsArgument: String? {
      self.tls.map { tls in tls.parts.map(\.value).joined(separator: ",") }
    }
  }
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    let start = self.drop { $0 == " " }
    guard let last = start.lastIndex(where: { $0 != " " }) else { return start }
    return start[...last]
  }
}
