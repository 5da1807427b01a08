internal import Latchkey

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

/// What the facts about a Redis server mean for locks.
struct RedisJudgement {
  let facts: RedisFacts
  /// Whether the server is one of a quorum, so that its loss alone is made good by the others.
  var isVoter = false

  var findings: [Finding] {
    if let failure = self.facts.failure { return [Finding.unreachable("server", failure).on(self.facts.server)] }
    return [self.version, self.place, self.replication, self.eviction, self.persistence, self.access]
      .map { $0.on(self.facts.server) }
  }

  private var version: Finding {
    guard let version = self.facts.version else {
      return Finding(.note, "version", "the server does not tell its version")
    }
    if version < ServerVersion(5) {
      return Finding(
        .danger,
        "version",
        "Redis \(version) replicates scripts, not what they did, so tokens of a replica differ"
      )
      .remedy("run Redis 5 or newer, best 7, or Valkey")
    }
    if version < ServerVersion(6, 2) {
      return Finding(.note, "version", "Redis \(version) gets no fixes any more")
        .remedy("run Redis 7 or newer, or Valkey")
    }
    return Finding(.ok, "version", "Redis \(version)")
  }

  private var place: Finding {
    switch self.facts.mode {
    case "sentinel":
      return Finding(.danger, "mode", "this is a Sentinel, which keeps no locks")
        .remedy("name the data server; better one without failover, for a failover forgets locks")
    case "cluster":
      return Finding(
        .warning,
        "mode",
        "a cluster moves keys between servers, which this client does not follow, and its failovers forget locks"
      )
      .remedy("keep locks on a server of their own, or take redlock:// over independent servers")
    default: return Finding(.ok, "mode", "a server of its own")
    }
  }

  private var replication: Finding {
    if self.facts.isReplica {
      let master = "\(self.facts.info["master_host"] ?? "?"):\(self.facts.info["master_port"] ?? "?")"
      return Finding(
        .danger,
        "replication",
        "this is a replica of \(master): it takes no locks, or throws them away with the next synchronisation"
      )
      .remedy("name the master")
    }
    if self.facts.replicas > 0 {
      return Finding(
        .warning,
        "replication",
        "\(self.facts.replicas) \(self.facts.replicas == 1 ? "replica is" : "replicas are") attached: "
          + "if one takes over, it may not know of a lock that was just granted, and grants it again"
      )
      .remedy("keep locks on a server without failover, or have the resource check fencing tokens")
    }
    return Finding(.ok, "replication", "no replica that could take over without knowing all locks")
  }

  private var eviction: Finding {
    guard let policy = self.facts.evictionPolicy, let limit = self.facts.memoryLimit else {
      return Finding(.note, "eviction", "the server does not tell what it does when its memory is full")
    }
    let past = self.facts.evictedKeys == 0 ? "" : "; \(self.facts.evictedKeys) keys have been evicted already"
    guard policy != "noeviction" else {
      return Finding(
        .ok,
        "eviction",
        limit == 0 ? "no key is evicted" : "no key is evicted: with its memory full the server refuses new locks\(past)"
      )
    }
    guard limit > 0 else {
      return Finding(.note, "eviction", "maxmemory-policy is \(policy); as maxmemory is 0, nothing is evicted as yet")
        .remedy("CONFIG SET maxmemory-policy noeviction, before somebody sets a limit")
    }
    return Finding(
      .danger,
      "eviction",
      "maxmemory is \(limit) with maxmemory-policy \(policy): a held lock is evicted like any key and granted again\(past)"
    )
    .remedy("CONFIG SET maxmemory-policy noeviction, or keep locks on a server of their own")
  }

  private var persistence: Finding {
    let check = "persistence"
    if self.facts.logsWrites {
      let sync = self.facts.settings["appendfsync"]
      guard sync == "everysec" || sync == "no" else {
        return Finding(.ok, check, "every write is logged\(sync == "always" ? " and synced" : "")")
      }
      let when = sync == "no" ? "when the system likes" : "once a second"
      return self.forgetful(
        sync == "no" ? .warning : .note,
        "the log is synced \(when): a machine that loses power forgets the locks of that time"
      )
    }
    guard let save = self.facts.settings["save"] else {
      return self.forgetful(.warning, "appendonly is off, and whether there are snapshots could not be read")
    }
    guard save.isEmpty else {
      return self.forgetful(.note, "only snapshots are kept: a crash forgets the locks granted since the last one")
    }
    return self.forgetful(.warning, "nothing is kept on disk: a restart forgets all held locks")
  }

  private func forgetful(_ level: Finding.Level, _ reason: String) -> Finding {
    guard !self.isVoter else {
      return Finding(
        .note,
        "persistence",
        "\(reason); a server that was started again has no vote until all that it may have forgotten has run out"
      )
    }
    return Finding(level, "persistence", "\(reason), and they are granted again")
      .remedy("CONFIG SET appendonly yes, and appendfsync always where no lock may be granted twice")
  }

  private var access: Finding {
    guard self.facts.isOpen else { return Finding(.ok, "access", "a password is asked for") }
    return Finding(.note, "access", "no password is asked for: any client that reaches the server can delete a lock")
      .remedy("set requirepass or ACL users, and keep the port from strangers")
  }
}

/// What the facts about the servers of a Redlock mean for locks: each of them, and all together.
struct RedlockJudgement {
  let servers: [RedisFacts]

  /// Clocks that are further apart are not kept by anybody, and will be set one day.
  static let clockTolerance = Duration.seconds(1)

  var findings: [Finding] {
    [self.count, self.independence] + [self.clocks].compactMap { $0 }
      + self.servers.flatMap { RedisJudgement(facts: $0, isVoter: true).findings }
  }

  private var count: Finding {
    let count = self.servers.count
    let check = "servers"
    if count < 3 {
      return Finding(
        .warning,
        check,
        "\(count) \(count == 1 ? "server is" : "servers are") no quorum: when one fails, no lock can be had"
      )
      .remedy("run three or five independent servers; for a single one write redis://")
    }
    return .size(check, count, "servers")
  }

  private var independence: Finding {
    let runs = Dictionary(grouping: self.servers.filter { $0.runID != nil }, by: \.runID)
    let twins = runs.values.filter { $0.count > 1 }.map { $0.map(\.server).joined(separator: " and ") }.sorted()
    guard let twin = twins.first else {
      return Finding(.ok, "independence", "all that answer are different servers")
    }
    return Finding(.danger, "independence", "\(twin) are one and the same server, which has more than one vote")
      .remedy("name each server once; the servers of a quorum must fail independently")
  }

  private var clocks: Finding? {
    let leads = self.servers.compactMap { facts in facts.clockLead.map { (facts.server, $0) } }
    guard let first = leads.min(by: { $0.1 < $1.1 }), let last = leads.max(by: { $0.1 < $1.1 }), leads.count > 1
    else { return nil }
    let apart = last.1 - first.1
    let text = "\(apart / .milliseconds(1) < 1 ? 0 : Int(apart / .milliseconds(1))) ms"
    guard apart > Self.clockTolerance else {
      return Finding(.ok, "clocks", "the servers' clocks are at most \(text) apart, the way there included")
    }
    return Finding(
      .warning,
      "clocks",
      "the clock of \(last.0) is \(text) ahead of that of \(first.0): when it is set right, held keys expire early"
    )
    .remedy("keep the servers' clocks by NTP, slewed and not stepped")
  }
}
