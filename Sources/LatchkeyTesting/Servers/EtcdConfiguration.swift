internal import LatchkeyPrimitives

/// How throw-away etcd servers are set up. The defaults suit tests: quick elections, and data in memory.
public struct EtcdConfiguration: Sendable {
  /// The files with which a server shows who it is, and by which it knows its clients (PEM).
  package struct TLS: Hashable, Sendable {
    /// The server's certificate.
    package var certificateFile: String
    /// The key of the server's certificate.
    package var keyFile: String
    /// The authority of the clients' certificates; nil if clients need none.
    package var clientAuthorityFile: String?

    /// Names the files.
    package init(certificateFile: String, keyFile: String, clientAuthorityFile: String? = nil) {
      self.certificateFile = certificateFile
      self.keyFile = keyFile
      self.clientAuthorityFile = clientAuthorityFile
    }
  }

  /// How often a leader tells that it is alive.
  package var heartbeat: Duration = .milliseconds(50)

  /// How long a leader may be silent before the others elect another. Leases last at least one and a half of these, in whole
  /// seconds.
  package var electionTimeout: Duration = .milliseconds(500)

  /// Keeps the data in memory where the system has a folder for it (`/dev/shm`), so that no disk is measured.
  package var inMemory = true

  /// Encryption between clients and servers; nil for none.
  package var tls: TLS?

  /// More options for the server, such as `--max-txn-ops=256`.
  public var options: [String] = []

  /// The name or the path of the server's program; the environment variable `LATCHKEY_ETCD` names another one.
  package var program = Programs.choice("LATCHKEY_ETCD") ?? "etcd"

  /// How long a start may take until it counts as failed.
  package var startLimit: Duration = .seconds(60)

  /// Makes the configuration that suits tests.
  public init() {}

  /// Makes a configuration with some settings changed.
  public init(_ change: (inout EtcdConfiguration) -> Void) {
    self.init()
    change(&self)
  }
}

extension EtcdConfiguration {
  /// One member of a cluster, as the others see it.
  struct Member: Sendable {
    var name: String
    var clientPort: Int
    var peerPort: Int
    /// Where the server tells about itself, without encryption.
    var statusPort: Int
    /// Where the other members find it: its own port, or that of a proxy in front of it.
    var advertisedPeerPort: Int

    /// - Parameter ports: Three ports.
    init(number: Int, ports: ArraySlice<Int>) {
      self.name = "m\(number)"
      self.clientPort = ports[ports.startIndex]
      self.peerPort = ports[ports.startIndex + 1]
      self.statusPort = ports[ports.startIndex + 2]
      self.advertisedPeerPort = self.peerPort
    }

    var ports: [Int] { [self.clientPort, self.peerPort, self.statusPort] }
    var peerURL: String { "http://127.0.0.1:\(self.advertisedPeerPort)" }
  }

  /// The command that runs a server.
  func command(_ member: Member, of members: [Member], data: String) throws(ServerError) -> [String] {
    let program =
      self.program.contains("/") ? self.program : try Programs.path(of: self.program, package: "etcd-server")
    try Programs.require(file: program, package: "etcd-server")
    let clientURL = "\(self.tls == nil ? "http" : "https")://127.0.0.1:\(member.clientPort)"
    var arguments = [
      program,
      "--name=\(member.name)",
      "--data-dir=\(data)",
      "--listen-client-urls=\(clientURL)",
      "--advertise-client-urls=\(clientURL)",
      "--listen-metrics-urls=http://127.0.0.1:\(member.statusPort)",
      "--listen-peer-urls=http://127.0.0.1:\(member.peerPort)",
      "--initial-advertise-peer-urls=\(member.peerURL)",
      "--initial-cluster=\(members.map { "\($0.name)=\($0.peerURL)" }.joined(separator: ","))",
      "--initial-cluster-state=new",
      // Ports are used again: a member of an earlier cluster must not take this one for its own.
      "--initial-cluster-token=\(members.map(\.peerURL).joined(separator: "+"))",
      "--heartbeat-interval=\(self.heartbeat.milliseconds)",
      "--election-timeout=\(self.electionTimeout.milliseconds)",
      "--logger=zap",
      "--log-level=warn",
    ]
    if let tls = self.tls {
      arguments += ["--cert-file=\(tls.certificateFile)", "--key-file=\(tls.keyFile)"]
      if let authority = tls.clientAuthorityFile {
        arguments += ["--client-cert-auth", "--trusted-ca-file=\(authority)"]
      }
    }
    return arguments + self.options
  }
}
