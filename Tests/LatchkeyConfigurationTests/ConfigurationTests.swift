import Configuration
import Latchkey
import LatchkeyConfiguration
import LatchkeyEtcd
import LatchkeyPrimitives
import LatchkeyRedis
import LatchkeyZooKeeper
import Testing
import ZooKeeper

/// A list of texts, as a provider gives it.
private func list(_ texts: String...) -> ConfigValue { ConfigValue(.stringArray(texts), isSecret: false) }

@Suite("Clients are configured from wherever a service reads its configuration")
struct ConfigurationTests {
  private func reader(_ values: [AbsoluteConfigKey: ConfigValue]) -> ConfigReader {
    ConfigReader(provider: InMemoryProvider(values: values))
  }

  /// The message of the refusal of a configuration.
  private func refusal(_ body: () throws -> Void) throws -> String {
    let error = try #require(#expect(throws: LockError.self) { try body() })
    #expect(error.code == .invalidConfiguration)
    return error.message
  }

  @Test("a ZooKeeper client, with everything that can be said")
  func zooKeeper() throws {
    let config = self.reader([
      "zk.servers": list("z1:2181", "z2:2181"), "zk.chroot": "/app", "zk.sessionTimeout": "20s",
      "zk.connectTimeout": "500ms", "zk.tick": "1s", "zk.maximumRequestSize": 4_000_000,
      "zk.allowsStandaloneServers": true, "zk.user": "anna", "zk.password": "geheim",
      "zk.tls.authorityFile": "ca.pem", "zk.tls.certificateFile": "me.pem", "zk.tls.keyFile": "me.key",
      "zk.tls.password": "auch", "locks.root": "/locks", "locks.label": "a", "locks.namesAreDimensions": true,
      "locks.answerTimeout": "600ms",
    ])
    let client = try ZooKeeperClient.Configuration(config: config.scoped(to: "zk"))
    #expect(client.connectString == "z1:2181,z2:2181/app")
    #expect(client.sessionTimeout == .seconds(20))
    #expect(client.connectTimeout == .milliseconds(500))
    #expect(client.tick == .seconds(1))
    #expect(client.maximumRequestSize == 4_000_000 && client.allowsStandaloneServers)
    #expect(client.credentials == [.digest(user: "anna", password: "geheim")])
    #expect(
      client.tls
        == ZooKeeperClient.Configuration.TLS(
          authorityFile: "ca.pem",
          certificateFile: "me.pem",
          keyFile: "me.key",
          password: "auch"
        )
    )
    let locks = try ZooKeeperLocks.Configuration(config: config.scoped(to: "locks"))
    #expect(locks.root == "/locks")
    #expect(locks.answerTimeout == .milliseconds(600))
    #expect(locks.label == "a")
    #expect(locks.observability.namesAreDimensions)
  }

  @Test("a Redis connection, with everything that can be said")
  func redis() throws {
    let config = self.reader([
      "redis.host": "r1", "redis.port": 6380, "redis.database": 2, "redis.user": "anna", "redis.password": "geheim",
      "redis.connectTimeout": "1s", "redis.commandTimeout": "2s", "redis.silenceLimit": "20s",
      "redis.tls.enabled": true, "redis.tls.authorityFile": "ca.pem", "redis.tls.serverName": "r",
      "locks.prefix": "app:", "locks.timeToLive": "10s", "locks.longestHold": "1m", "locks.pollCeiling": "100ms",
      "locks.largestTimeToLive": "20s", "locks.answerTimeout": "50ms",
    ])
    let connection = try RedisConnection.Configuration(config: config.scoped(to: "redis"))
    #expect(connection.address == "r1:6380")
    #expect(connection.database == 2)
    #expect(connection.credential == RedisConnection.Configuration.Credential(user: "anna", password: "geheim"))
    #expect(connection.connectTimeout == .seconds(1))
    #expect(connection.commandTimeout == .seconds(2))
    #expect(connection.silenceLimit == .seconds(20))
    #expect(connection.tls == RedisConnection.Configuration.TLS(authorityFile: "ca.pem", serverName: "r"))
    let locks = try RedisLocks.Configuration(config: config.scoped(to: "locks"))
    #expect(locks.prefix == "app:")
    #expect(locks.timeToLive == .seconds(10))
    #expect(locks.longestHold == .seconds(60))
    #expect(locks.pollCeiling == .milliseconds(100))
    #expect(locks.answerTimeout == .milliseconds(50))
    let redlock = try RedlockLocks.Configuration(config: config.scoped(to: "locks"))
    #expect(redlock.largestTimeToLive == .seconds(20))
    #expect(redlock.answerTimeout == .milliseconds(50))
  }

  @Test("an etcd client, with everything that can be said")
  func etcd() throws {
    let config = self.reader([
      "endpoints": list("e1:2379", "e2:2379"), "sessionTimeout": "5s", "connectTimeout": "1s", "requestTimeout": "2s",
      "recheckInterval": "3s", "user": "anna", "password": "geheim", "tls.enabled": true,
      "tls.certificateFile": "me.pem", "tls.keyFile": "me.key", "prefix": "app/",
      "answerTimeout": "700ms",
    ])
    let client = try EtcdClient.Configuration(config: config)
    #expect(client.endpoints == ["e1:2379", "e2:2379"])
    #expect(client.sessionTimeout == .seconds(5))
    #expect(client.connectTimeout == .seconds(1))
    #expect(client.requestTimeout == .seconds(2))
    #expect(client.recheckInterval == .seconds(3))
    #expect(client.credentials == EtcdClient.Configuration.Credentials(user: "anna", password: "geheim"))
    #expect(client.tls == EtcdClient.Configuration.TLS(certificateFile: "me.pem", keyFile: "me.key"))
    let locks = try EtcdLocks.Configuration(config: config)
    #expect(locks.prefix == "app/")
    #expect(locks.answerTimeout == .milliseconds(700))
  }

  @Test("what is not said keeps its default")
  func defaults() throws {
    let zooKeeper = try ZooKeeperClient.Configuration(config: self.reader(["servers": list("z:2181")]))
    #expect(zooKeeper.sessionTimeout == ZooKeeperClient.Configuration(servers: []).sessionTimeout)
    #expect(!zooKeeper.allowsStandaloneServers)
    #expect(zooKeeper.credentials.isEmpty)
    #expect(zooKeeper.tls == nil)
    let redis = try RedisConnection.Configuration(config: self.reader(["host": "r"]))
    #expect(redis.address == "r:6379")
    #expect(redis.credential == nil)
    #expect(redis.tls == nil)
    #expect(try RedisLocks.Configuration(config: self.reader([:])).timeToLive == .seconds(30))
    let etcd = try EtcdClient.Configuration(config: self.reader(["endpoints": list("e:2379")]))
    #expect(etcd.credentials == nil)
    #expect(etcd.tls == nil)
    #expect(try RedisLocks.Configuration(config: self.reader([:])).answerTimeout == .seconds(2))
    #expect(try RedlockLocks.Configuration(config: self.reader([:])).answerTimeout == nil)
    #expect(try EtcdLocks.Configuration(config: self.reader([:])).answerTimeout == .seconds(2))
    #expect(try ZooKeeperLocks.Configuration(config: self.reader([:])).answerTimeout == .seconds(2))
  }

  @Test(
    "how long a try waits is a duration: a number without a unit, and words, are refused",
    arguments: ["2", "soon"]
  )
  func answerTimeout(text: String) throws {
    let config = self.reader(["answerTimeout": ConfigValue(.string(text), isSecret: false)])
    for read in [
      { _ = try RedisLocks.Configuration(config: config) }, { _ = try RedlockLocks.Configuration(config: config) },
      { _ = try EtcdLocks.Configuration(config: config) }, { _ = try ZooKeeperLocks.Configuration(config: config) },
    ] as [() throws -> Void] {
      let refusal = try self.refusal(read)
      #expect(refusal.contains("\"answerTimeout\"") && refusal.contains("\"\(text)\""), "\(refusal)")
    }
  }

  @Test("environment variables do: lists with commas, numbers and flags as text")
  func environment() throws {
    let config = ConfigReader(
      provider: EnvironmentVariablesProvider(environmentVariables: [
        "ZOOKEEPER_SERVERS": "z1:2181,z2:2181", "ZOOKEEPER_SESSION_TIMEOUT": "4s", "REDIS_HOST": "r",
        "REDIS_PORT": "6380", "REDIS_TLS_ENABLED": "true",
      ])
    )
    let zooKeeper = try ZooKeeperClient.Configuration(config: config.scoped(to: "zookeeper"))
    #expect(zooKeeper.servers == ["z1:2181", "z2:2181"])
    #expect(zooKeeper.sessionTimeout == .seconds(4))
    let redis = try RedisConnection.Configuration(config: config.scoped(to: "redis"))
    #expect(redis.port == 6380)
    #expect(redis.tls == RedisConnection.Configuration.TLS())
  }

  @Test("what must be said and what cannot be understood is refused by name, never passed over")
  func refusals() throws {
    let noServers = try self.refusal { _ = try ZooKeeperClient.Configuration(config: self.reader([:])) }
    #expect(noServers.contains("\"servers\""))
    let noHost = try self.refusal { _ = try RedisConnection.Configuration(config: self.reader([:])) }
    #expect(noHost.contains("\"host\""))
    let noEndpoints = try self.refusal { _ = try EtcdClient.Configuration(config: self.reader([:])) }
    #expect(noEndpoints.contains("\"endpoints\""))
    let noUnit = try self.refusal {
      _ = try ZooKeeperClient.Configuration(config: self.reader(["servers": list("z:1"), "sessionTimeout": "30"]))
    }
    #expect(noUnit.contains("\"sessionTimeout\"") && noUnit.contains("\"30\""))
    let noNumber = try self.refusal {
      _ = try RedisConnection.Configuration(config: self.reader(["host": "r", "port": "redis"]))
    }
    #expect(noNumber.contains("\"port\""))
    let noFlag = try self.refusal {
      _ = try RedisConnection.Configuration(config: self.reader(["host": "r", "tls.enabled": "perhaps"]))
    }
    #expect(noFlag.contains("\"enabled\""))
    let noPassword = try self.refusal {
      _ = try EtcdClient.Configuration(config: self.reader(["endpoints": list("e:1"), "user": "anna"]))
    }
    #expect(noPassword.contains("\"password\""))
  }

  @Test(
    "files for an encrypted connection without a word on encryption are refused: nothing is sent in plain text by oversight"
  )
  func forgottenEncryption() throws {
    for key in ["authorityFile", "certificateFile", "keyFile", "serverName"] {
      let redis = try self.refusal {
        _ = try RedisConnection.Configuration(
          config: self.reader(["host": "r", AbsoluteConfigKey(["tls", key]): "file.pem"])
        )
      }
      #expect(redis.contains("\"tls.\(key)\"") && redis.contains("\"tls.enabled\""), "\(redis)")
      let etcd = try self.refusal {
        _ = try EtcdClient.Configuration(
          config: self.reader(["endpoints": list("e:1"), AbsoluteConfigKey(["tls", key]): "file.pem"])
        )
      }
      #expect(etcd.contains("\"tls.\(key)\"") && etcd.contains("\"tls.enabled\""), "\(etcd)")
    }
    let off = self.reader(["host": "r", "tls.enabled": false, "tls.authorityFile": "ca.pem"])
    #expect(try RedisConnection.Configuration(config: off).tls == nil)
    let zooKeeper = try self.refusal {
      _ = try ZooKeeperClient.Configuration(config: self.reader(["servers": list("z:1"), "tls.keyFile": "me.key"]))
    }
    #expect(zooKeeper.contains("\"tls.authorityFile\""), "\(zooKeeper)")
  }

  @Test("spaces around the items of a list are not part of them, and an empty item is refused")
  func spacesInLists() throws {
    let text = self.reader(["endpoints": "a:1, b:2 ,\tc:3\n"])
    #expect(try EtcdClient.Configuration(config: text).endpoints == ["a:1", "b:2", "c:3"])
    let items = self.reader(["endpoints": list(" a:1", "b:2 ")])
    #expect(try EtcdClient.Configuration(config: items).endpoints == ["a:1", "b:2"])
    let empty = try self.refusal {
      _ = try EtcdClient.Configuration(config: self.reader(["endpoints": "a:1,,b:2"]))
    }
    #expect(empty.contains("\"endpoints\"") && empty.contains("empty item"), "\(empty)")
  }

  @Test("a password that was written into an address is refused, and shown by no error")
  func passwordInAddress() throws {
    let addresses = [
      "user:hunter2@h:1", "user:hunter2", "hunter2@h:1", "user:hunter2/x@h:1", "user:1/hunter2@h:1", ":hunter2@h",
      "h:hunter2",
      "[hunter2]@h:1", "hunter2:x", "[hunter2", "hun ter:hunter2", "user:hunter2@", "redis://user:hunter2@h:1",
    ]
    for address in addresses {
      let zooKeeper = #expect(throws: ZooKeeperError.self, "\(address)") {
        try ZooKeeperClient.Configuration(servers: ["h:1", address]).validate()
      }
      // What follows a slash is the chroot there, which may hold anything.
      let inOneText = #expect(throws: ZooKeeperError.self, "\(address)") {
        try ZooKeeperClient.Configuration(connectString: address.replacing("/", with: ":")).validate()
      }
      let etcd = #expect(throws: EtcdError.self, "\(address)") {
        try EtcdClient.Configuration(endpoints: [address]).validate()
      }
      let texts = [zooKeeper.map { "\($0)" }, inOneText.map { "\($0)" }, etcd.map { "\($0)" }].compactMap { $0 }
      for text in texts { #expect(!text.contains("hunter2"), "\(address): \(text)") }
    }
    for address in addresses where address.contains("@") {
      let redis = #expect(throws: RedisError.self, "\(address)") {
        try RedisConnection.Configuration(host: address).validate()
      }
      #expect(!"\(redis.map { "\($0)" } ?? "")".contains("hunter2"), "\(address)")
    }
  }

  @Test("passwords are read as secrets, and nothing else is")
  func secrets() throws {
    final class Reporter: AccessReporter {
      let secrets = Locked<[String: Bool]>([:])

      func report(_ event: AccessEvent) {
        guard case .success(let value?) = event.result else { return }
        self.secrets.withLock { $0["\(event.metadata.key)"] = value.isSecret }
      }
    }
    let reporter = Reporter()
    let config = ConfigReader(
      provider: InMemoryProvider(values: [
        "zk.servers": list("z:1"), "zk.user": "u", "zk.password": "p", "zk.tls.authorityFile": "a",
        "zk.tls.certificateFile": "c", "zk.tls.keyFile": "k", "zk.tls.password": "q", "redis.host": "r",
        "redis.password": "p", "etcd.endpoints": list("e:1"), "etcd.user": "u", "etcd.password": "p",
      ]),
      accessReporter: reporter
    )
    _ = try ZooKeeperClient.Configuration(config: config.scoped(to: "zk"))
    _ = try RedisConnection.Configuration(config: config.scoped(to: "redis"))
    _ = try EtcdClient.Configuration(config: config.scoped(to: "etcd"))
    let secrets = reporter.secrets.withLock { $0 }
    #expect(
      secrets.filter(\.value).keys.sorted() == ["etcd.password", "redis.password", "zk.password", "zk.tls.password"]
    )
    #expect(secrets["zk.servers"] == false)
  }
}
