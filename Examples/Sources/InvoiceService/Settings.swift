import Configuration

/// What can be set, in the environment (`LEDGER_PATH`) or in the JSON file that `CONFIG_FILE_PATH` names (`{"ledger": {"path": …}}`);
/// the environment wins. The ZooKeeper client has settings of its own, under `zookeeper`, and the locks under `locks`.
struct Settings {
  /// `instance`: what this instance is called in the log and in the ledger.
  var instance: String
  /// `ledger.path`: the file that the invoices are in.
  var ledger: String
  /// `ledger.batch`: how many invoices are written each time the lock is held.
  var batch: Int
  /// `ledger.pauseMilliseconds`: how long an invoice takes.
  var pause: Duration
  /// `metrics.host` and `metrics.port`: where the metrics are served; port 0 takes a free one.
  var host: String
  var port: Int

  init(_ config: ConfigReader) throws {
    self.instance = config.string(forKey: "instance", default: "clerk")
    self.ledger = try config.requiredString(forKey: "ledger.path")
    self.batch = config.int(forKey: "ledger.batch", default: 10)
    self.pause = .milliseconds(config.int(forKey: "ledger.pauseMilliseconds", default: 100))
    self.host = config.string(forKey: "metrics.host", default: "127.0.0.1")
    self.port = config.int(forKey: "metrics.port", default: 9464)
  }

  static func reader() async throws -> ConfigReader {
    let environment = EnvironmentVariablesProvider()
    let alone = ConfigReader(provider: environment)
    guard alone.string(forKey: "config.filePath") != nil else { return alone }
    return ConfigReader(providers: [
      environment, try await FileProvider<JSONSnapshot>(config: alone.scoped(to: "config")),
    ])
  }
}
