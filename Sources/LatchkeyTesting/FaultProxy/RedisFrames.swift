/// What a frame means when ``FaultProxy/Framing/redis`` divides the bytes.
extension FaultProxy.Frame {
  /// The words of a request, the command's name first, or the texts and numbers of a reply in their order.
  package var redisWords: [String] {
    (RedisMessage(self.bytes[...])?.words ?? []).map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "" }
  }

  /// Whether the frame is a request with this command, such as `EVALSHA`.
  ///
  /// - Parameters:
  ///   - name: The command's name, in any case.
  ///   - word: One of the words behind it, such as a script's hash or a key; nil for any.
  public func isRedisCommand(_ name: String, with word: String? = nil) -> Bool {
    guard self.direction == .clientToServer else { return false }
    let words = self.redisWords
    guard words.first?.uppercased() == name.uppercased() else { return false }
    return word.map { words.dropFirst().contains($0) } ?? true
  }

  /// Whether the frame is the answer to a subscription or to its end, or a message of a channel.
  package var isRedisMessage: Bool {
    self.direction == .serverToClient && self.isRedisSubscription
  }

  /// Whether the frame belongs to a subscription, whichever way it goes.
  var isRedisSubscription: Bool {
    if self.direction == .serverToClient, self.bytes.first == UInt8(ascii: ">") { return true }
    guard self.bytes.first == UInt8(ascii: "*") else { return false }
    let sent: Set<String> = ["SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE"]
    guard let first = self.redisWords.first else { return false }
    if self.direction == .clientToServer { return sent.contains(first.uppercased()) }
    return first == "message" || first == "pmessage"
      || (sent.contains(first.uppercased()) && first == first.lowercased())
  }
}
