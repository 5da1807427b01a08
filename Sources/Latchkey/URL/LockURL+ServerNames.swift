extension LockURL {
  /// The names to expect in the servers' certificates as a URL has them: one for all, or one for each host in their order, empty
  /// where it is the host's own. Nil if there are none.
  package var serverNames: String? {
    let names = self.hosts.map(\.serverName)
    guard let first = names.first, names.contains(where: { $0 != nil }) else { return nil }
    if let first, names.allSatisfy({ $0 == first }) { return first }
    return names.map { $0 ?? "" }.joined(separator: ",")
  }

  /// Sets the names to expect in the servers' certificates.
  ///
  /// - Parameter names: As ``serverNames`` gives them.
  /// - Returns: What is wrong with them, if something is: then nothing is set.
  package mutating func setServerNames(_ names: String) -> String? {
    let words = names.split(separator: ",", omittingEmptySubsequences: false)
    guard words.count == 1 || words.count == self.hosts.count else {
      return "must be one name for all servers, or \(self.hosts.count) for as many hosts"
    }
    for word in words where !word.isEmpty || words.count == 1 {
      let name = Host(name: String(word), port: 0)
      // An address is compared with the one that is connected to, whatever else is expected.
      guard !name.isAddress, word.unicodeScalars.allSatisfy(Self.isInHostName) else {
        return "must be a name as certificates have them, such as redis.example.com, and no address"
      }
    }
    for index in self.hosts.indices {
      let word = words.count == 1 ? words[0] : words[index]
      self.hosts[index].serverName = word.isEmpty ? nil : String(word)
    }
    return nil
  }

  /// Whether a name of a host may have a letter in it.
  static func isInHostName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_": true
    default: false
    }
  }
}
