#if ZooKeeper
public import Configuration
public import Latchkey
public import LatchkeyZooKeeper
public import ZooKeeper

extension ZooKeeperClient.Configuration {
  /// Reads where the servers are and how to talk to them.
  ///
  /// | key | value |
  /// |---|---|
  /// | `servers` | the servers, each as `host:port`; must be there |
  /// | `chroot` | the node that all paths are taken from |
  /// | `sessionTimeout`, `connectTimeout`, `tick` | durations: `500ms`, `10s`, `2m` |
  /// | `maximumRequestSize` | the largest request that is sent, in bytes |
  /// | `allowsStandaloneServers` | whether several servers may be named that are not one ensemble |
  /// | `user`, `password` (secret) | digest authentication |
  /// | `tls.authorityFile`, `tls.certificateFile`, `tls.keyFile`, `tls.password` (secret) | encryption, if the first is there |
  ///
  /// - Parameter config: What to read from, scoped to this client, such as `config.scoped(to: "zookeeper")`.
  /// - Throws: `LockError` with code `invalidConfiguration`, which names the key.
  public init(config: ConfigReader) throws(LockError) {
    self.init(servers: try config.list(forKey: "servers"), chroot: config.string(forKey: "chroot", default: ""))
    self.sessionTimeout = try config.duration(forKey: "sessionTimeout") ?? self.sessionTimeout
    self.connectTimeout = try config.duration(forKey: "connectTimeout") ?? self.connectTimeout
    self.tick = try config.duration(forKey: "tick") ?? self.tick
    self.maximumRequestSize = try config.number(forKey: "maximumRequestSize") ?? self.maximumRequestSize
    self.allowsStandaloneServers = try config.flag(forKey: "allowsStandaloneServers") ?? self.allowsStandaloneServers
    if let (user, password) = try config.credentials() { self.credentials = [.digest(user: user, password: password)] }
    let tls = config.scoped(to: "tls")
    if let authority = tls.string(forKey: "authorityFile") {
      guard let certificate = tls.string(forKey: "certificateFile") else { throw .missing("tls.certificateFile") }
      guard let key = tls.string(forKey: "keyFile") else { throw .missing("tls.keyFile") }
      self.tls = ZooKeeperClient.Configuration.TLS(
        authorityFile: authority,
        certificateFile: certificate,
        keyFile: key,
        password: tls.secret(forKey: "password") ?? ""
      )
    } else if tls.string(forKey: "certificateFile") != nil || tls.string(forKey: "keyFile") != nil {
      throw .missing("tls.authorityFile")
    }
  }
}

extension ZooKeeperLocks.Configuration {
  /// Reads how locks are mapped to nodes.
  ///
  /// | key | value |
  /// |---|---|
  /// | `root` | the directory above all locks |
  /// | `answerTimeout` | duration: `500ms`, `10s`, `2m` |
  /// | `label` | a word about this contender |
  /// | `namesAreDimensions` | whether metrics have the lock's name |
  ///
  /// - Parameter config: What to read from, scoped to these locks, such as `config.scoped(to: "locks")`.
  /// - Throws: `LockError` with code `invalidConfiguration`, which names the key.
  public init(config: ConfigReader) throws(LockError) {
    self.init()
    self.root = config.string(forKey: "root", default: self.root)
    self.answerTimeout = try config.duration(forKey: "answerTimeout") ?? self.answerTimeout
    self.label = config.string(forKey: "label")
    self.observability.namesAreDimensions = try config.flag(forKey: "namesAreDimensions") ?? false
  }
}
#endif
