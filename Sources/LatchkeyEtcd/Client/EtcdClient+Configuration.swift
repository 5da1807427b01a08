#if Etcd
internal import LatchkeyPrimitives
public import Logging

extension EtcdClient {
  /// Where the cluster is and how to talk to it.
  public struct Configuration: Sendable {
    /// Encryption with TLS.
    public struct TLS: Hashable, Sendable {
      /// The file of the authorities that may have signed the servers' certificates (PEM); nil for the system's.
      public var authorityFile: String?
      /// The file of the client's certificate chain (PEM), where the servers ask for one.
      public var certificateFile: String?
      /// The file of the client's private key (PEM), where the servers ask for a certificate.
      public var keyFile: String?
      /// The name to expect in the servers' certificates; nil for the host of each endpoint.
      public var serverName: String?
      /// The names to expect where they differ from endpoint to endpoint, by endpoint as `host:port`; of the others
      /// ``serverName`` tells.
      public var serverNames: [String: String] = [:]

      /// Trusts the system's authorities, or those of a file.
      ///
      /// - Parameters:
      ///   - authorityFile: The file of the authorities; nil for the system's.
      ///   - certificateFile: The file of the client's certificate chain.
      ///   - keyFile: The file of the client's private key.
      ///   - serverName: The name to expect in the servers' certificates; nil for the host of each endpoint.
      public init(
        authorityFile: String? = nil,
        certificateFile: String? = nil,
        keyFile: String? = nil,
        serverName: String? = nil
      ) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
      }
    }

    /// A user of the cluster.
    public struct Credentials: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
      /// The user.
      public var user: String
      /// The password; never shown.
      public var password: String

      /// Makes credentials.
      ///
      /// - Parameters:
      ///   - user: The user.
      ///   - password: The password.
      public init(user: String, password: String) {
        self.user = user
        self.password = password
      }

      /// The user; the password is never shown.
      public var description: String { "\(self.user):<hidden>" }

      /// The user's name alone, so that dumps do not show the password.
      public var customMirror: Mirror { Mirror(self, children: ["user": self.user]) }
    }

    /// The members of the cluster, each as `host:port` (`[address]:port` for IPv6). One is used at a time; another takes over
    /// when it fails.
    public var endpoints: [String]
    /// After how long without a sign of life the cluster deletes this client's keys. Whole seconds; what is given is rounded
    /// up, and the servers raise it to their minimum, one and a half election timeouts.
    public var sessionTimeout = Duration.seconds(15)
    /// How long the first connection may take. How long a try waits is the locks' ``EtcdLocks/Configuration/answerTimeout``.
    public var connectTimeout = Duration.seconds(10)
    /// How long one request waits for its answer before it is sent to another member.
    public var requestTimeout = Duration.seconds(5)
    /// How often a waiter asks for its place although no event came: bounds the harm of an event that a server has lost.
    public var recheckInterval = Duration.seconds(15)
    /// The user to log in as, where the cluster has authentication enabled.
    public var credentials: Credentials?
    /// Encryption; nil for none.
    public var tls: TLS?
    /// Where the client logs.
    public var logger = Logger(label: "etcd")

    /// Names the members.
    ///
    /// - Parameter endpoints: The members of the cluster, each as `host:port`.
    public init(endpoints: [String]) {
      self.endpoints = endpoints
    }

    /// Checks what can be checked without a server.
    ///
    /// - Throws: ``EtcdError`` with code ``EtcdError/Code/invalidConfiguration`` and what to do about it.
    public func validate() throws(EtcdError) {
      _ = try self.parsedEndpoints()
      for (name, value) in [
        ("sessionTimeout", self.sessionTimeout), ("connectTimeout", self.connectTimeout),
        ("requestTimeout", self.requestTimeout), ("recheckInterval", self.recheckInterval),
      ] where value <= .zero || value > .seconds(1_000_000_000) {
        throw EtcdError(.invalidConfiguration, "\(name) is \(value); give a positive duration of at most 30 years")
      }
      if let tls = self.tls, (tls.certificateFile == nil) != (tls.keyFile == nil) {
        throw EtcdError(.invalidConfiguration, "a client certificate needs both its file and its key's; give both")
      }
    }

    func parsedEndpoints() throws(EtcdError) -> [EtcdEndpoint] {
      guard !self.endpoints.isEmpty else {
        throw EtcdError(.invalidConfiguration, "no endpoints are given; name at least one, such as localhost:2379")
      }
      var parsed: [EtcdEndpoint] = []
      for (index, text) in self.endpoints.enumerated() {
        guard let endpoint = EtcdEndpoint(text) else {
          // Not quoted: where user and password were written before a host, what is wrong is a piece of them.
          throw EtcdError(
            .invalidConfiguration,
            "endpoint number \(index + 1) is none; write it as host:port, and give user and password as credentials"
          )
        }
        parsed.append(endpoint)
      }
      return parsed
    }

    /// The session timeout as the servers take it.
    var wholeSeconds: Int64 { self.sessionTimeout.secondsRoundedUp }
  }
}
#endif
