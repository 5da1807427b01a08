extension ZooKeeperServer {
  /// What a member of an ensemble does, in the server's own words.
  package enum Mode: String, Sendable {
    /// A server alone.
    case standalone
    /// The member that orders all writes.
    case leader
    /// A member that votes on writes.
    case follower
    /// A member without a vote.
    case observer
  }

  /// Sends one of ZooKeeper's four-letter words and returns the answer.
  ///
  /// - Parameters:
  ///   - word: The word, such as `srvr`; the server must allow it.
  ///   - limit: How long the answer may take.
  /// - Returns: The answer.
  /// - Throws: ``ServerError`` with the code `noAnswer` when the server is down, paused, or slower than the limit.
  package func fourLetterWord(_ word: String, within limit: Duration = .seconds(5)) async throws(ServerError) -> String
  {
    String(decoding: try await exchange(Array(word.utf8), port: self.port, within: limit), as: UTF8.self)
  }

  /// The server's counters, as `mntr` lists them: `zk_packets_received` and its like.
  ///
  /// - Throws: ``ServerError`` with the code `noAnswer` when the server is down or paused.
  package func mntr() async throws(ServerError) -> [String: String] {
    var counters: [String: String] = [:]
    for line in try await self.fourLetterWord("mntr").split(separator: "\n") {
      let parts = line.split(separator: "\t", maxSplits: 1)
      if parts.count == 2 { counters[String(parts[0])] = String(parts[1]) }
    }
    return counters
  }

  /// What the server does at present; nil while it has no leader.
  ///
  /// - Parameter limit: How long the answer may take.
  /// - Throws: ``ServerError`` with the code `noAnswer` when the server is down, paused, or slower than the limit.
  package func mode(within limit: Duration = .seconds(5)) async throws(ServerError) -> Mode? {
    for line in try await self.fourLetterWord("srvr", within: limit).split(separator: "\n") {
      if line.hasPrefix("Mode: ") { return Mode(rawValue: String(line.dropFirst(6))) }
    }
    return nil
  }

  /// The sessions of the clients that are connected to this server.
  ///
  /// - Throws: ``ServerError`` with the code `noAnswer` when the server is down or paused.
  package func connectedSessions() async throws(ServerError) -> Set<Int64> {
    var sessions: Set<Int64> = []
    for field in try await self.fourLetterWord("cons").split(whereSeparator: { ",()\n".contains($0) }) {
      guard field.hasPrefix("sid=0x"), let id = UInt64(field.dropFirst(6), radix: 16) else { continue }
      sessions.insert(Int64(bitPattern: id))
    }
    return sessions
  }
}
