/// How throw-away Redis servers are set up. The defaults suit tests: no password, nothing on disk.
public struct RedisConfiguration: Sendable {
  /// A user beside the default one, who may do everything.
  package struct User: Hashable, Sendable, CustomStringConvertible {
    /// The user's name.
    package var name: String
    /// The user's password.
    package var password: String

    /// Names a user.
    ///
    /// - Parameters:
    ///   - name: The user's name.
    ///   - password: The user's password.
    package init(name: String, password: String) {
      self.name = name
      self.password = password
    }

    /// The user's name; the password is never shown.
    package var description: String { self.name }
  }

  /// The password of the default user; nil for none.
  public var password: String?

  /// A user beside the default one.
  package var user: User?

  /// Whether the server takes encrypted connections too, on a port of their own with a certificate made for this start.
  public var tls = false

  /// What the certificate says whose it is, as `DNS:name` or `IP:address`.
  package var certificateNames = ["DNS:localhost", "IP:127.0.0.1"]

  /// Whether encrypted connections must show a certificate of the server's authority; ``RedisServer/clientCertificate`` is one.
  package var asksForClientCertificate = false

  /// Whether a server that is killed and started again has its data back; otherwise it starts empty.
  public var keepsData = false

  /// How many databases there are.
  package var databases = 16

  /// More lines for the server's configuration file.
  public var settings: [String: String] = [:]

  /// The name or the path of the server's program; the environment variable `LATCHKEY_REDIS_SERVER` names another one.
  package var program = Programs.choice("LATCHKEY_REDIS_SERVER") ?? "redis-server"

  /// How long a start may take until it counts as failed.
  package var startLimit: Duration = .seconds(30)

  /// Makes the configuration that suits tests.
  public init() {}

  /// Makes a configuration with some settings changed.
  ///
  /// - Parameter change: Changes the settings that suit tests.
  public init(_ change: (inout RedisConfiguration) -> Void) {
    self.init()
    change(&self)
  }
}

extension RedisConfiguration {
  /// The server's configuration file. Passwords stand there and not among the arguments, which everybody may read.
  func file(port: Int, tlsPort: Int?, certificate: ServerCertificate?) -> String {
    var lines = [
      "bind 127.0.0.1",
      "port \(port)",
      "daemonize no",
      "databases \(self.databases)",
      "save \"\"",
      "appendonly \(self.keepsData ? "yes" : "no")",
    ]
    if let password = self.password { lines.append("requirepass \"\(password)\"") }
    if let user = self.user { lines.append("user \(user.name) on >\(user.password) ~* &* +@all") }
    if let tlsPort, let certificate {
      lines += [
        "tls-port \(tlsPort)",
        "tls-cert-file \(certificate.file)",
        "tls-key-file \(certificate.keyFile)",
        "tls-ca-cert-file \(certificate.file)",
        "tls-auth-clients \(self.asksForClientCertificate ? "yes" : "no")",
      ]
    }
    for (key, value) in self.settings.sorted(by: { $0.key < $1.key }) { lines.append("\(key) \(value)") }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The command that runs a server.
  func command(configuration file: String) throws(ServerError) -> [String] {
    let program =
      self.program.contains("/") ? self.program : try Programs.path(of: self.program, package: "redis-server")
    try Programs.require(file: program, package: "redis-server")
    return [program, file]
  }
}
