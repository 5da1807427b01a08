extension RedisError {
  /// What servers say of a command that the user may not run, where a script runs it: not all of them say which one it is, and
  /// none says so as it does outside of scripts.
  private static let scriptRefusals = [
    "The user executing the script can't run this command", "ACL failure in script", "-NOPERM",
  ]

  /// The same error, as the refusal that it is and with the command's name if it is about a command within the script.
  func explained(by script: RedisScript) -> RedisError {
    guard self.code == .server, Self.scriptRefusals.contains(where: { self.message.contains($0) }) else { return self }
    let command = Self.line(in: self.message).flatMap { script.command(inLine: $0) } ?? "a command"
    return RedisError(
      .notAuthorized,
      "the user may not run \(command), which the locks' scripts need; allow it in the server's ACL: \(self.message)"
    )
  }

  /// The number of the script's line that a server names.
  private static func line(in message: String) -> Int? {
    guard let start = message.firstRange(of: "@user_script:") else { return nil }
    return Int(message[start.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
  }
}

extension RedisScript {
  /// The command that a line of the script calls.
  fileprivate func command(inLine number: Int) -> String? {
    let lines = self.source.split(separator: "\n", omittingEmptySubsequences: false)
    guard (1...lines.count).contains(number) else { return nil }
    let line = lines[number - 1]
    guard let call = line.firstRange(of: "call('") else { return nil }
    return String(line[call.upperBound...].prefix { $0 != "'" })
  }
}

extension PortReply {
  func explained(by script: RedisScript) -> PortReply {
    guard case .failure(let error) = self.result else { return self }
    return PortReply(.failure(error.explained(by: script)), identity: self.identity)
  }
}
