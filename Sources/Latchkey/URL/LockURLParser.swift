/// Takes the URL of a lock apart.
///
/// A URL may hold a password, and one with an unescaped `/`, `?` or `#` in it, or whose host was forgotten, is torn apart at the
/// wrong place: a piece of it then passes for a port, a host, an option or the lock's name. So an error quotes nothing but the
/// scheme. What would be accepted and still have a piece of a password where it is shown, an unescaped `@` behind the hosts, is
/// refused.
///
/// It reads scalars: a mark that combines with the `@` or the `/` before it makes one `Character` of both, and yet the URL goes on
/// there.
struct LockURLParser {
  private typealias Text = Substring.UnicodeScalarView

  private let text: Text
  private var scheme: LockURL.Scheme?

  init(_ text: String) {
    self.text = text[...].unicodeScalars
  }

  consuming func parse() throws(LockError) -> LockURL {
    let scheme = try self.parseScheme()
    self.scheme = scheme
    let rest = self.text.dropFirst(scheme.rawValue.count + 1)
    return scheme.isInProcess ? try self.parseInProcess(scheme, rest) : try self.parseNetworked(scheme, rest)
  }

  // MARK: Parts

  private func parseScheme() throws(LockError) -> LockURL.Scheme {
    guard let colon = self.text.firstIndex(of: ":"), self.text[..<colon].allSatisfy(Self.isLetter)
    else {
      let hasLostItsStart = self.text.isEmpty || self.text.first == "/"
      throw self.error("the URL has no scheme" + (hasLostItsStart ? ": perhaps a variable in it is empty" : ""))
    }
    let word = String(self.text[..<colon])
    guard let scheme = LockURL.Scheme(rawValue: word.lowercased()) else {
      let known = LockURL.Scheme.allCases.map(\.rawValue).joined(separator: ", ")
      // Without slashes the word may be a user before its password.
      let isCertain = self.text[colon...].dropFirst().starts(with: Self.slashes)
      throw self.error("the scheme\(isCertain ? " \"\(word)\"" : "") is unknown (known: \(known))")
    }
    return scheme
  }

  private func parseInProcess(_ scheme: LockURL.Scheme, _ rest: Text) throws(LockError) -> LockURL {
    guard !rest.starts(with: Self.slashes) else {
      throw self.error("an in-process lock has no host: leave out the \"//\"")
    }
    let (path, query) = try self.splitQuery(rest)
    var url = LockURL(scheme: scheme, name: try self.name(path))
    try self.parse(query, into: &url)
    return url
  }

  private func parseNetworked(_ scheme: LockURL.Scheme, _ rest: Text) throws(LockError) -> LockURL {
    guard rest.starts(with: Self.slashes) else { throw self.error("\"//\" is missing after \"\(scheme.rawValue):\"") }
    let afterSlashes = rest.dropFirst(2)
    let end = afterSlashes.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? afterSlashes.endIndex
    let authority = afterSlashes[..<end]
    guard !afterSlashes[end...].contains("@") else {
      throw self.error(
        "a \"@\" stands behind the hosts: write it as %40 in the name of a lock or an option, and in a password \"/\" as %2F, "
          + "\"?\" as %3F, \"#\" as %23"
      )
    }
    let (path, query) = try self.splitQuery(afterSlashes[end...])
    guard path.first == "/", path.count > 1 else {
      throw self.error("the name of the lock is missing after the hosts")
    }

    var hosts = authority
    var credentials: Text?
    if let at = authority.lastIndex(of: "@") {
      credentials = authority[..<at]
      hosts = authority[authority.index(after: at)...]
    }
    let servers = try self.hosts(hosts, scheme: scheme)
    var url = LockURL(scheme: scheme, name: try self.name(path.dropFirst()))
    url.hosts = servers
    if let credentials { try self.parse(credentials: credentials, into: &url) }
    try self.parse(query, into: &url)
    return url
  }

  private func splitQuery(_ text: Text) throws(LockError) -> (path: Text, query: Text?) {
    guard !text.contains("#") else { throw self.error("a \"#\" must be written as %23") }
    guard let mark = text.firstIndex(of: "?") else { return (text, nil) }
    return (text[..<mark], text[text.index(after: mark)...])
  }

  private func name(_ text: Text) throws(LockError) -> LockName {
    guard !text.isEmpty else { throw self.error("the name of the lock is missing") }
    guard let decoded = PercentCoding.decode(Substring(text)) else {
      throw self.error("the name of the lock holds a \"%\" that is not followed by two hex digits of UTF-8")
    }
    if let problem = LockName.problem(with: decoded, quotesName: false) { throw self.error(problem) }
    return try LockName(decoded)
  }

  private func parse(credentials: Text, into url: inout LockURL) throws(LockError) {
    guard !credentials.contains("@") else { throw self.error("a \"@\" in the user or password must be written as %40") }
    let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let decoded = parts.map { PercentCoding.decode(Substring($0)) }
    guard !decoded.contains(nil) else {
      throw self.error("the user or password holds a \"%\" that is not followed by two hex digits; write %25 for \"%\"")
    }
    url.user = (decoded.first ?? nil).flatMap { $0.isEmpty ? nil : $0 }
    url.password = decoded.count == 2 ? decoded[1] : nil
  }

  private static let slashes = "//".unicodeScalars
  private static let escapedPercent = "25".unicodeScalars

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  // MARK: Hosts

  private func hosts(_ text: Text, scheme: LockURL.Scheme) throws(LockError) -> [LockURL.Host] {
    guard !text.isEmpty else { throw self.error("the host is missing") }
    var hosts: [LockURL.Host] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let host = try self.host(part, defaultPort: scheme.defaultPort ?? 0)
      if let index = hosts.firstIndex(of: host) {
        throw self.error("the servers number \(index + 1) and \(hosts.count + 1) are the same")
      }
      hosts.append(host)
    }
    if hosts.count > 1, scheme == .redis || scheme == .rediss {
      throw self.error("one Redis server is one host; for a majority of servers write redlock://")
    }
    return hosts
  }

  private func host(_ text: Text, defaultPort: Int) throws(LockError) -> LockURL.Host {
    guard !text.isEmpty else { throw self.error("a host in the list is empty") }
    let name: String
    let rest: Text
    if text.first == "[" {
      guard let close = text.firstIndex(of: "]") else { throw self.error("the \"]\" of an IPv6 address is missing") }
      name = try self.address(text[text.index(after: text.startIndex)..<close])
      rest = text[text.index(after: close)...]
    } else {
      let word = text.prefix { $0 != ":" }
      name = String(word)
      rest = text[word.endIndex...]
      guard rest.filter({ $0 == ":" }).count <= 1 else {
        throw self.error("an IPv6 address must stand in brackets, as in [::1]:\(defaultPort)")
      }
      guard !name.isEmpty else { throw self.error("a host in the list is empty") }
      guard word.allSatisfy(LockURL.isInHostName) else {
        throw self.error("a host holds a character that no host name has; user and password stand before an \"@\"")
      }
    }
    guard !rest.isEmpty else { return LockURL.Host(name: name, port: defaultPort) }
    guard rest.first == ":" else { throw self.error("only \":port\" may follow an address in brackets") }
    let digits = rest.dropFirst()
    guard digits.count <= 5, digits.allSatisfy(Self.isDigit), let port = Int(String(digits)),
      (1...65535).contains(port)
    else {
      throw self.error(
        "what stands behind the \":\" of a host is no port, a number from 1 to 65535; user and password stand before an \"@\""
      )
    }
    return LockURL.Host(name: name, port: port)
  }

  /// Reads what stands in brackets. An interface may follow the address: after `%25`, as RFC 6874 has it, or after a plain `%`, as
  /// everything but a URL has it.
  private func address(_ text: Text) throws(LockError) -> String {
    let bare = text.prefix { $0 != "%" }
    let isAddress = bare.contains(":") && bare.allSatisfy { $0.properties.isASCIIHexDigit || $0 == ":" || $0 == "." }
    guard isAddress else { throw self.error("what stands in brackets is no IPv6 address") }
    guard bare.endIndex != text.endIndex else { return String(bare) }
    var zone = text[bare.endIndex...].dropFirst()
    if zone.starts(with: Self.escapedPercent), zone.count > 2 { zone = zone.dropFirst(2) }
    guard !zone.isEmpty, zone.allSatisfy(LockURL.isInHostName) else {
      throw self.error("what stands behind the \"%\" of an IPv6 address is no interface, as in [fe80::1%25eth0]")
    }
    return "\(String(bare))%\(String(zone))"
  }

  // MARK: Query

  private func parse(_ query: Text?, into url: inout LockURL) throws(LockError) {
    guard let query else { return }
    var seen: Set<String> = []
    for (index, pair) in query.split(separator: "&", omittingEmptySubsequences: false).enumerated() {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let key = String(parts[0])
      let allowed = Self.keys(of: url.scheme)
      guard allowed.contains(key) else {
        let known = allowed.joined(separator: ", ")
        throw self.error("option number \(index + 1) is unknown for \(url.scheme.rawValue) (known: \(known))")
      }
      guard seen.insert(key).inserted else { throw self.error("the option \"\(key)\" is given twice") }
      guard parts.count == 2, let value = PercentCoding.decode(Substring(parts[1])), !value.isEmpty else {
        throw self.error("the option \"\(key)\" has no value, or one with a broken \"%\" escape")
      }
      try self.set(key, value, on: &url)
    }
  }

  private static func keys(of scheme: LockURL.Scheme) -> [String] {
    switch scheme {
    case .local, .channel: ["label"]
    case .zookeeper: ["chroot", "label", "timeout", "ttl"]
    case .redis, .redlock: ["db", "label", "timeout", "ttl"]
    case .rediss, .redlocks: ["ca", "cert", "db", "key", "label", "servername", "timeout", "ttl"]
    case .etcd: ["label", "timeout", "ttl"]
    case .etcds: ["ca", "cert", "key", "label", "servername", "timeout", "ttl"]
    }
  }

  private func set(_ key: String, _ value: String, on url: inout LockURL) throws(LockError) {
    switch key {
    case "chroot":
      // A chroot is a path whose parts obey the rules of a name.
      guard value.unicodeScalars.first == "/", (try? LockName(String(value.unicodeScalars.dropFirst()))) != nil else {
        throw self.error("the option \"chroot\" must be a path such as /app")
      }
      url.chroot = value
    case "db":
      guard value.utf8.count <= 9, value.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = Int(value) else {
        throw self.error("the option \"db\" must be a number such as 1")
      }
      url.database = number
    case "ttl": url.timeToLive = try self.duration(key, value)
    case "timeout": url.connectTimeout = try self.duration(key, value)
    case "ca": url.authorityFile = value
    case "cert": url.certificateFile = value
    case "key": url.keyFile = value
    case "servername":
      if let problem = url.setServerNames(value) { throw self.error("the option \"servername\" \(problem)") }
    default:
      guard !value.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
        throw self.error("the option \"\(key)\" holds a control character")
      }
      url.label = value
    }
  }

  private func duration(_ key: String, _ value: String) throws(LockError) -> Duration {
    guard let duration = DurationText.parse(value), duration > .zero else {
      throw self.error("the option \"\(key)\" is no time: \(DurationText.hint)")
    }
    return duration
  }

  // MARK: Errors

  private func error(_ problem: String) -> LockError {
    LockError(.invalidURL, message: "\(problem); write for example \((self.scheme ?? .zookeeper).example)")
  }
}
