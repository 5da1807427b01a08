/// What one Redis server says about itself.
struct RedisFacts: Hashable, Sendable {
  var server: String
  /// The fields of `INFO`.
  var info: [String: String] = [:]
  /// The settings that could be read; none where the server does not let us.
  var settings: [String: String] = [:]
  /// How far the server's clock is ahead of this machine's; half a round trip may be wrong.
  var clockLead: Duration?
  /// Whether the server asked for no password.
  var isOpen = false
  /// Why there is no answer; then nothing else is known.
  var failure: String?

  var version: ServerVersion? { self.info["redis_version"].flatMap { ServerVersion($0) } }
  var runID: String? { self.info["run_id"] }
  var memoryLimit: UInt64? { self.info["maxmemory"].flatMap { UInt64($0) } }
  var evictionPolicy: String? { self.info["maxmemory_policy"] }
  var evictedKeys: UInt64 { self.info["evicted_keys"].flatMap { UInt64($0) } ?? 0 }
  var replicas: Int { self.info["connected_slaves"].flatMap { Int($0) } ?? 0 }
  var isReplica: Bool { self.info["role"] == "slave" }
  var mode: String? { self.info["redis_mode"] }
  var logsWrites: Bool { self.info["aof_enabled"] == "1" }

  /// Reads the answer to `INFO`.
  static func fields(ofInfo text: String) -> [String: String] {
    var fields: [String: String] = [:]
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
    }
    return fields
  }
}
