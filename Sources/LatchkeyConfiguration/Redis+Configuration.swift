#if Redis
public import Configuration
public import Latchkey
public import LatchkeyRedis

extension RedisConnection.Configuration {
  /// Reads where the server is and how to talk to it.
  ///
  /// | key | value |
  /// |---|---|
  /// | `host` | the server's name or address; must be there |
  /// | `port`, `database` | numbers; 6379 and 0 by default |
  /// | `user`, `password` (secret) | who the client says it is; the password alone is the default user's |
  /// | `connectTimeout`, `commandTimeout`, `silenceLimit` | durations: `500ms`, `10s`, `2m` |
  /// | `tls.enabled` | whether to encrypt; must be there if another key of `tls` is |
  /// | `tls.authorityFile`, `tls.certificateFile`, `tls.keyFile`, `tls.serverName` | how |
  ///
  /// - Parameter config: What to read from, scoped to this connection, such as `config.scoped(to: "redis")`.
  /// - Throws: `LockError` with code `invalidConfiguration`, which names the key.
  public init(config: ConfigReader) throws(LockError) {
    guard let host = config.string(forKey: "host") else { throw .missing("host") }
    self.init(host: host, port: try config.number(forKey: "port") ?? 6379)
    self.database = try config.number(forKey: "database") ?? self.database
    if let password = config.secret(forKey: "password") {
      self.credential = Credential(user: config.string(forKey: "user"), password: password)
    } else if config.string(forKey: "user") != nil {
      throw .missing("password")
    }
    self.connectTimeout = try config.duration(forKey: "connectTimeout") ?? self.connectTimeout
    self.commandTimeout = try config.duration(forKey: "commandTimeout") ?? self.commandTimeout
    self.silenceLimit = try config.duration(forKey: "silenceLimit") ?? self.silenceLimit
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

extension RedisLocks.Configuration {
  /// Reads how locks are mapped to keys, and how long a key stands.
  ///
  /// | key | value |
  /// |---|---|
  /// | `prefix` | what stands before the lock's name in its key |
  /// | `timeToLive`, `longestHold`, `pollCeiling`, `answerTimeout` | durations: `500ms`, `10s`, `2m` |
  /// | `label` | a word about this contender |
  /// | `namesAreDimensions` | whether metrics have the lock's name |
  ///
  /// - Parameter config: What to read from, scoped to these locks, such as `config.scoped(to: "locks")`.
  /// - Throws: `LockError` with code `invalidConfiguration`, which names the key.
  public init(config: ConfigReader) throws(LockError) {
    self.init()
    self.prefix = config.string(forKey: "prefix", default: self.prefix)
    self.timeToLive = try config.duration(forKey: "timeToLive") ?? self.timeToLive
    self.longestHold = try config.duration(forKey: "longestHold")
    self.pollCeiling = try config.duration(forKey: "pollCeiling") ?? self.pollCeiling
    self.answerTimeout = try config.duration(forKey: "answerTimeout") ?? self.answerTimeout
    self.label = config.string(forKey: "label")
    self.observability.namesAreDimensions = try config.flag(forKey: "namesAreDimensions") ?? false
  }
}

extension RedlockLocks.Configuration {
  /// Reads how locks are mapped to keys, and how long a key stands.
  ///
  /// | key | value |
  /// |---|---|
  /// | `prefix` | what stands before the lock's name in its key |
  /// | `timeToLive`, `largestTimeToLive`, `answerTimeout`, `longestHold` | durations: `500ms`, `10s`, `2m` |
  /// | `label` | a word about this contender |
  /// | `namesAreDimensions` | whether metrics have the lock's name |
  ///
  /// - Parameter config: What to read from, scoped to these locks, such as `config.scoped(to: "locks")`.
  /// - Throws: `LockError` with code `invalidConfiguration`, which names the key.
  public init(config: ConfigReader) throws(LockError) {
    self.init()
    self.prefix = config.string(forKey: "prefix", default: self.prefix)
    self.timeToLive = try config.duration(forKey: "timeToLive") ?? self.timeToLive
    self.largestTimeToLive = try config.duration(forKey: "largestTimeToLive")
    self.answerTimeout = try config.duration(forKey: "answerTimeout")
    self.longestHold = try config.duration(forKey: "longestHold")
    self.label = config.string(forKey: "label")
    self.observability.namesAreDimensions = try config.flag(forKey: "namesAreDimensions") ?? false
  }
}
#endif
