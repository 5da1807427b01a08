internal import Configuration
internal import Latchkey

/// Values that are either absent or good: what is there and cannot be understood is an error, not a default.
extension ConfigReader {
  /// A duration, written as in the URLs of locks: `500ms`, `10s`, `2m`.
  func duration(forKey key: ConfigKey) throws(LockError) -> Duration? {
    guard let text = self.string(forKey: key) else { return nil }
    guard let duration = DurationText.parse(text) else { throw .misunderstood(key, text, DurationText.hint) }
    return duration
  }

  func number(forKey key: ConfigKey) throws(LockError) -> Int? {
    if let number = self.int(forKey: key) { return number }
    guard let text = self.string(forKey: key) else { return nil }
    throw .misunderstood(key, text, "write a whole number")
  }

  func flag(forKey key: ConfigKey) throws(LockError) -> Bool? {
    if let flag = self.bool(forKey: key) { return flag }
    guard let text = self.string(forKey: key) else { return nil }
    throw .misunderstood(key, text, "write true or false")
  }

  /// A list that must not be empty; a single text is taken apart at its commas. Spaces around an item are not part of it.
  func list(forKey key: ConfigKey) throws(LockError) -> [String] {
    let texts = self.stringArray(forKey: key) ?? self.string(forKey: key).map { [$0] } ?? []
    let items = texts.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }.map(Self.trimmed)
    guard !items.isEmpty, items != [""] else { throw .missing(key) }
    guard !items.contains("") else {
      throw LockError(
        .invalidConfiguration,
        message: "the list in the configuration for \"\(key)\" has an empty item; take out the comma that is too many"
      )
    }
    return items
  }

  private static func trimmed(_ text: Substring) -> String {
    let start = text.drop { $0.isWhitespace }
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...last])
  }

  /// Whether to encrypt. What would only be used by an encrypted connection is refused without `enabled`: whoever names the
  /// authority's file must not get plain text.
  func usesTLS() throws(LockError) -> Bool {
    if let isEnabled = try self.flag(forKey: "enabled") { return isEnabled }
    for key in ["authorityFile", "certificateFile", "keyFile", "serverName"] as [ConfigKey] {
      guard self.string(forKey: key) == nil else {
        throw LockError(
          .invalidConfiguration,
          message:
            "the configuration has \"tls.\(key)\" and does not say \"tls.enabled\", so nothing would be encrypted; set it to true or false"
        )
      }
    }
    return false
  }

  func secret(forKey key: ConfigKey) -> String? { self.string(forKey: key, isSecret: true) }

  /// A user with a password; the password alone does where users have no names.
  func credentials() throws(LockError) -> (user: String, password: String)? {
    let (user, password) = (self.string(forKey: "user"), self.secret(forKey: "password"))
    if let user, let password { return (user, password) }
    guard user == nil, password == nil else { throw .missing(user == nil ? "user" : "password") }
    return nil
  }
}

extension LockError {
  static func missing(_ key: ConfigKey) -> LockError {
    LockError(.invalidConfiguration, message: "the configuration has no value for \"\(key)\"; set it")
  }

  static func misunderstood(_ key: ConfigKey, _ text: String, _ hint: String) -> LockError {
    LockError(.invalidConfiguration, message: "the configuration says \"\(text)\" for \"\(key)\"; \(hint)")
  }
}
