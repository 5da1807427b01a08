extension RedisServer {
  /// Has the server carry out a command, past any client and as the default user.
  ///
  /// - Parameter words: The command's words.
  /// - Returns: The texts and numbers of the reply in their order, also those of arrays in arrays; nil for no value.
  /// - Throws: ``ServerError`` with the code `refused` when the reply is an error, with the code `noAnswer` when the server is
  ///   down, paused, or slower than five seconds.
  @discardableResult
  public func command(_ words: String...) async throws(ServerError) -> [String?] {
    try await self.command(words, within: .seconds(5))
  }

  func command(_ words: [String], within limit: Duration) async throws(ServerError) -> [String?] {
    var question: [UInt8] = []
    let password = self.configuration.password
    let commands = (password.map { [["AUTH", $0]] } ?? []) + [words, ["QUIT"]]
    for command in commands {
      question += "*\(command.count)\r\n".utf8
      for word in command { question += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
    }
    var rest = try await exchange(question, port: self.port, within: limit)[...]
    if password != nil { rest = rest.dropFirst(RedisMessage(rest)?.length ?? 0) }
    guard let reply = RedisMessage(rest) else {
      throw ServerError(.noAnswer, "Redis on port \(self.port) has closed the connection without an answer.")
    }
    let texts = reply.words.map { $0.map { String(decoding: $0, as: UTF8.self) } }
    guard !reply.isError else {
      throw ServerError(.refused, texts.first.flatMap { $0 } ?? "Redis on port \(self.port) refuses to say why.")
    }
    return texts
  }
}
