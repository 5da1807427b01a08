/// What the facts about a Redis server mean for locks.
struct RedisJudgement {
  let facts: RedisFacts
  /// Whether the server is one of a quorum, so that its loss alone is made good by the others.
  var isVoter = false

  var findings: [Finding] {
    if let failure = self.facts.failure {
      return [
        self.finding(
          .warning,
          "reachable",
          "it does not answer (\(failure)): one more failure and there may be no majority",
          remedy: "start the server, or check its address and the network"
        )
      ]
    }
    return [self.version, self.place, self.replication, self.eviction, self.persistence, self.access]
  }

  private func finding(_ level: Finding.Level, _ check: String, _ reason: String, remedy: String? = nil) -> Finding {
    Finding(level, check, on: self.facts.server, reason, remedy: remedy)
  }

  private var version: Finding {
    guard let version = self.facts.version else {
      return self.finding(.note, "version", "the server does not tell its version")
    }
    if version < ServerVersion(5) {
      return self.finding(
        .danger,
        "version",
        "Redis \(version) replicates scripts, not what they did, so tokens of a replica differ",
        remedy: "run Redis 5 or newer, best 7, or Valkey"
      )
    }
    if version < ServerVersion(6, 2) {
      return self.finding(
        .note,
        "version",
        "Redis \(version) gets no fixes any more",
        remedy: "run Redis 7 or newer, or Valkey"
      )
    }
    return self.finding(.ok, "version", "Redis \(version)")
  }

  private var place: Finding {
    switch self.facts.mode {
    case "sentinel":
      return self.finding(
        .danger,
        "mode",
        "this is a Sentinel, which keeps no locks",
        remedy: "name the data server; better one without failover, for a failover forgets locks"
      )
    case "cluster":
      return self.finding(
        .warning,
        "mode",
        "a cluster moves keys between servers, which this client does not follow, and its failovers forget locks",
        remedy: "keep locks on a server of their own, or take redlock:// over independent servers"
      )
    default: return self.finding(.ok, "mode", "a server of its own")
    }
  }

  private var replication: Finding {
    if self.facts.isReplica {
      let master = "\(self.facts.info["master_host"] ?? "?"):\(self.facts.info["master_port"] ?? "?")"
      return self.finding(
        .danger,
        "replication",
        "this is a replica of \(master): it takes no locks, or throws them away with the next synchronisation",
        remedy: "name the master"
      )
    }
    if self.facts.replicas > 0 {
      return self.finding(
        .warning,
        "replication",
        "\(self.facts.replicas) \(self.facts.replicas == 1 ? "replica is" : "replicas are") attached: "
          + "if one takes over, it may not know of a lock that was just granted, and grants it again",
        remedy: "keep locks on a server without failover, or have the resource check fencing tokens"
      )
    }
    return self.finding(.ok, "replication", "no replica that could take over without knowing all locks")
  }

  private var eviction: Finding {
    guard let policy = self.facts.evictionPolicy, let limit = self.facts.memoryLimit else {
      return self.finding(.note, "eviction", "the server does not tell what it does when its memory is full")
    }
    let past = self.facts.evictedKeys == 0 ? "" : "; \(self.facts.evictedKeys) keys have been evicted already"
    guard policy != "noeviction" else {
      return self.finding(
        .ok,
        "eviction",
        limit == 0 ? "no key is evicted" : "no key is evicted: with its memory full the server refuses new locks\(past)"
      )
    }
    guard limit > 0 else {
      return self.finding(
        .note,
        "eviction",
        "maxmemory-policy is \(policy); as maxmemory is 0, nothing is evicted as yet",
        remedy: "CONFIG SET maxmemory-policy noeviction, before somebody sets a limit"
      )
    }
    return self.finding(
      .danger,
      "eviction",
      "maxmemory is \(limit) with maxmemory-policy \(policy): a held lock is evicted like any key and granted again\(past)",
      remedy: "CONFIG SET maxmemory-policy noeviction, or keep locks on a server of their own"
    )
  }

  private var persistence: Finding {
    let check = "persistence"
    if self.facts.logsWrites {
      let sync = self.facts.settings["appendfsync"]
      guard sync == "everysec" || sync == "no" else {
        return self.finding(.ok, check, "every write is logged\(sync == "always" ? " and synced" : "")")
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
      return self.finding(
        .note,
        "persistence",
        "\(reason); a server that was started again has no vote until all that it may have forgotten has run out"
      )
    }
    return self.finding(
      level,
      "persistence",
      "\(reason), and they are granted again",
      remedy: "CONFIG SET appendonly yes, and appendfsync always where no lock may be granted twice"
    )
  }

  private var access: Finding {
    guard self.facts.isOpen else { return self.finding(.ok, "access", "a password is asked for") }
    return self.finding(
      .note,
      "access",
      "no password is asked for: any client that reaches the server can delete a lock",
      remedy: "set requirepass or ACL users, and keep the port from strangers"
    )
  }
}
