/// The address of a lock: which backend, where, and the lock's name.
///
/// | URL | the lock |
/// |---|---|
/// | `local:orders` | the in-process mutex `orders` |
/// | `channel:orders` | the in-process channel try-lock `orders` |
/// | `zookeeper://zk1:2181,zk2:2181/app/orders` | the directory `/app/orders` |
/// | `redis://host:6379/orders?db=1` | the key `orders` |
/// | `redlock://h1:6379,h2:6379,h3:6379/orders` | the key `orders` on a majority |
/// | `etcd://host:2379/orders` | the prefix that `etcdctl lock orders` uses |
///
/// `rediss://`, `redlocks://` and `etcds://` are the same over TLS; the query keys `ca`, `cert` and `key` name its files, and
/// `servername` the name in the servers' certificates where they are reached by another. The name is all that follows the first
/// `/`, percent-decoded; an `@` in it is written `%40`. A user and a password stand before the hosts as in
/// `redis://user:secret@host/orders`; neither is ever shown by ``description`` or in an error, and an error quotes no piece of a URL
/// that could be one.
public struct LockURL: Hashable, Sendable {
  /// The backend that the URL names.
  public enum Scheme: String, CaseIterable, Hashable, Sendable {
    /// The in-process mutex.
    case local
    /// The in-process channel try-lock.
    case channel
    /// An ensemble of ZooKeeper servers.
    case zookeeper
    /// One Redis server.
    case redis
    /// One Redis server over TLS.
    case rediss
    /// A majority of independent Redis servers.
    case redlock
    /// The same over TLS.
    case redlocks
    /// An etcd cluster.
    case etcd
    /// An etcd cluster over TLS.
    case etcds
  }

  /// One server.
  public struct Host: Hashable, Sendable, CustomStringConvertible {
    /// A host name or an address; an IPv6 address without its brackets, and with its interface, if it has one, as in `fe80::1%eth0`.
    public var name: String
    /// The port, the scheme's default if the URL gives none.
    public var port: Int
    /// `servername`: the name to expect in the server's certificate, where it is reached by another, such as through a tunnel;
    /// nil for ``name``. TLS only.
    public var serverName: String?

    /// Names a server.
    ///
    /// - Parameters:
    ///   - name: A host name or an address; an IPv6 address without brackets.
    ///   - port: The port.
    ///   - serverName: The name to expect in its certificate; nil for the host's.
    public init(name: String, port: Int, serverName: String? = nil) {
      self.name = name
      self.port = port
      self.serverName = serverName
    }

    /// Whether ``name`` is an address.
    package var isAddress: Bool { self.name.contains(":") || !self.name.contains { !$0.isNumber && $0 != "." } }

    /// `name:port`, with an IPv6 address in brackets.
    public var description: String {
      self.name.contains(":") ? "[\(self.name)]:\(self.port)" : "\(self.name):\(self.port)"
    }
  }

  /// The backend.
  public var scheme: Scheme
  /// The user to log in as, percent-decoded.
  public var user: String?
  /// The password to log in with, percent-decoded.
  public var password: String?
  /// The servers in the order of the URL; empty for in-process locks.
  public var hosts: [Host]
  /// The lock.
  public var name: LockName
  /// `chroot`: the ZooKeeper path under which all of this client's paths lie.
  public var chroot: String?
  /// `db`: the number of the Redis database.
  public var database: Int?
  /// `ttl`: how long the backend keeps a lock whose holder has gone silent; at ZooKeeper the session timeout.
  public var timeToLive: Duration?
  /// `timeout`: how long connecting may take.
  public var connectTimeout: Duration?
  /// `label`: a word that tells people who holds the lock.
  public var label: String?
  /// `ca`: the file of the authorities that may vouch for the servers (PEM); nil for those of the system. TLS only.
  public var authorityFile: String?
  /// `cert`: the file of this client's certificate chain (PEM). TLS only.
  public var certificateFile: String?
  /// `key`: the file of this client's private key (PEM). TLS only.
  public var keyFile: String?

  /// Parses a URL.
  ///
  /// - Parameter text: The URL, as in the table above.
  /// - Throws: ``LockError`` with code ``LockError/Code/invalidURL``: what is wrong, and an example of what is right.
  public init(_ text: String) throws(LockError) {
    self = try LockURLParser(text).parse()
  }

  init(scheme: Scheme, name: LockName) {
    self.scheme = scheme
    self.hosts = []
    self.name = name
  }
}

extension LockURL.Scheme {
  /// The port of a server whose URL gives none; nil for in-process locks.
  public var defaultPort: Int? {
    switch self {
    case .local, .channel: nil
    case .zookeeper: 2181
    case .redis, .rediss, .redlock, .redlocks: 6379
    case .etcd, .etcds: 2379
    }
  }

  /// The kind of backend, as in ``LockBackend/kind``.
  public var backendKind: String {
    switch self {
    case .local: "mutex"
    case .channel: "channel"
    case .zookeeper: "zookeeper"
    case .redis, .rediss: "redis"
    case .redlock, .redlocks: "redlock"
    case .etcd, .etcds: "etcd"
    }
  }

  /// Whether the lock lives in the process alone, so that other processes know nothing of it.
  public var isInProcess: Bool { self.defaultPort == nil }

  /// Whether connections are encrypted.
  public var usesTLS: Bool { self == .rediss || self == .redlocks || self == .etcds }

  /// A right URL of the scheme, for errors and help.
  public var example: String {
    switch self {
    case .local, .channel: "\(self.rawValue):orders"
    case .zookeeper: "zookeeper://zk1:2181,zk2:2181,zk3:2181/app/orders"
    case .redis: "redis://localhost:6379/orders?db=1"
    case .rediss: "rediss://redis.example.com:6379/orders"
    case .redlock: "redlock://r1:6379,r2:6379,r3:6379/orders"
    case .redlocks: "redlocks://r1:6379,r2:6379,r3:6379/orders?ca=ca.pem"
    case .etcd: "etcd://localhost:2379/orders"
    case .etcds: "etcds://etcd.example.com:2379/orders"
    }
  }
}

extension LockURL: CustomStringConvertible, CustomReflectable {
  /// The URL without user and password.
  public var description: String { self.text(credentials: "") }

  /// The URL as it can be parsed again, password included: never for a log, an error or an argument.
  package var textWithCredentials: String {
    guard self.user != nil || self.password != nil else { return self.description }
    let password = self.password.map { ":" + PercentCoding.encode($0, keeping: "") } ?? ""
    return self.text(credentials: PercentCoding.encode(self.user ?? "", keeping: "") + password + "@")
  }

  private func text(credentials: String) -> String {
    var text = self.scheme.rawValue + ":"
    if !self.scheme.isInProcess {
      // Only in front of an interface.
      let hosts = self.hosts.map { $0.description.replacing("%", with: "%25") }
      text += "//" + credentials + hosts.joined(separator: ",") + "/"
    }
    text += PercentCoding.encode(self.name.rawValue)
    var query: [String] = []
    if let chroot = self.chroot { query.append("chroot=" + PercentCoding.encode(chroot)) }
    if let database = self.database { query.append("db=\(database)") }
    if let ttl = self.timeToLive { query.append("ttl=" + DurationText.format(ttl)) }
    if let timeout = self.connectTimeout { query.append("timeout=" + DurationText.format(timeout)) }
    if let label = self.label { query.append("label=" + PercentCoding.encode(label)) }
    if let file = self.authorityFile { query.append("ca=" + PercentCoding.encode(file)) }
    if let file = self.certificateFile { query.append("cert=" + PercentCoding.encode(file)) }
    if let file = self.keyFile { query.append("key=" + PercentCoding.encode(file)) }
    if let names = self.serverNames { query.append("servername=" + PercentCoding.encode(names)) }
    return query.isEmpty ? text : text + "?" + query.joined(separator: "&")
  }

  /// Shows ``description`` alone, so that `dump` tells no password either.
  public var customMirror: Mirror { Mirror(self, children: ["url": self.description]) }
}
