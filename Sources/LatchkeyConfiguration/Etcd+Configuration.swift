#if Etcd
public import Configuration
public import Latchkey
public import LatchkeyEtcd

extension EtcdClient.Configuration {
  /// Reads where the cluster is and how to talk to it.
  ///
  /// | key | value |
  /// |---|---|
  /// | `endpoints` | the members, each as `host:port`; must be there |
  /// | `sessionTimeout`, `connectTimeout`, `requestTimeout`, `recheckInterval` | durations: `500ms`, `10s`, `2m` |
  /// | `user`, `password` (secret) | who to log in as |
  /// | `tls.enabled` | whether to encrypt; must be there if another key of `tls` is |
  /// | `tls.authorityFile`, `tls.certificateFile`, `tls.keyFile`, `tls.serverName` | how |
  ///
  /// - Parameter config: What to read from, scoped to this client, such as `config.scoped(to: "etcd")`.
  /// - Throws: `LockError` with code `invalidConfiguration`, which names the key.
  public init(config: ConfigReader) throws(LockError) {
    self.init(endpoints: try config.list(forKey: "endpoints"))
    self.sessionTimeout = try config.duration(forKey: "sessionTimeout") ?? self.sessionTimeout
    self.connectTimeout = try config.duration(forKey: "connectTimeout") ?? self.connectTimeout
    self.requestTimeout = try config.duration(forKey: "requestTimeout") ?? self.requestTimeout
    self.recheckInterval = try config.duration(forKey: "recheckInterval") ?? self.recheckInterval
    if let (user, password) = try config.credentials() {
      self.credentials = Credentials(user: user, password: password)
    }
    let tls = config.scoped(to: "tls")
    if try tls.usesTLS() {
      self.tls = TLS(
        authorityFile: tls.string(forKey: "authorityFile"),
        certificateFile: tls.string(forKey: "certificateFile"),
        keyFile: tls.string(forKey: "keyFile"),
        serverName: tls.string(forKey: "serverName")
      )
    }
  }
}

extension EtcdLocks.Configuration {
  /// Reads how locks are mapped to keys.
  ///
  /// | key | value |
  /// |---|---|
  /// | `prefix` | what all keys begin with |
  /// | `answerTimeout` | duration: `500ms`, `10s`, `2m` |
  /// | `label` | a word about this contender |
  /// | `namesAreDimensions` | whether metrics have the lock's name |
  ///
  /// - Parameter config: What to read from, scoped to these locks, such as `config.scoped(to: "locks")`.
  /// - Throws: `LockError` with code `invalidConfiguration`, which names the key.
  public init(config: ConfigReader) throws(LockError) {
    self.init()
    self.prefix = config.string(forKey: "prefix", default: self.prefix)
    self.answerTimeout = try config.duration(forKey: "answerTimeout") ?? self.answerTimeout
    self.label = config.string(forKey: "label")
    self.observability.namesAreDimensions = try config.flag(forKey: "namesAreDimensions") ?? false
  }
}
#endif
