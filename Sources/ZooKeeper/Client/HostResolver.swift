#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Finds the numeric addresses of host names. May block.
package struct HostResolver: Sendable {
  /// Why a name has no address, in words.
  package struct Failure: Error, Hashable, Sendable {
    package var reason: String
    /// Whether the name server could not be asked, so that it says nothing of the name.
    var isPassing = false

    package init(_ reason: String) {
      self.reason = reason
    }
  }

  /// Numeric addresses without brackets, most preferred first; never empty.
  package var addresses: @Sendable (_ host: String) -> Result<[String], Failure>

  package init(_ addresses: @escaping @Sendable (_ host: String) -> Result<[String], Failure>) {
    self.addresses = addresses
  }

  /// The operating system's resolver.
  package static let system = HostResolver { host in
    Self.lookUp(host) { Self.ask(host, flags: $0 ? AI_ADDRCONFIG : 0) }
  }

  /// Decides how a name is asked for.
  ///
  /// - Parameter ask: Asks, only for addresses of families that this machine has a network of (`AI_ADDRCONFIG`), or for all.
  static func lookUp(
    _ host: String,
    _ ask: (_ reachableOnly: Bool) -> Result<[String], Failure>
  ) -> Result<[String], Failure> {
    // The loopback interface is no network to the system: it would leave out `::1` where nothing else has IPv6.
    if Self.isThisMachine(host) { return ask(false) }
    let first = ask(true)
    // Some systems refuse the flag where a network is missing. A name server that has not answered would take as long once more.
    if case .failure(let failure) = first, !failure.isPassing { return ask(false) }
    return first
  }

  private static func isThisMachine(_ host: String) -> Bool {
    let name = (host.last == "." ? host.dropLast() : host[...]).lowercased()
    let known = ["localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"]
    return known.contains(name) || name.hasSuffix(".localhost")
  }

  private static func ask(_ host: String, flags: Int32) -> Result<[String], Failure> {
    var hints = addrinfo()
    hints.ai_flags = flags
    hints.ai_family = AF_UNSPEC
    // One entry for each address.
    hints.ai_protocol = Int32(IPPROTO_TCP)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, nil, &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard code == 0 else {
      var failure = Failure(code == EAI_SYSTEM ? String(systemError: errno) : String(cString: gai_strerror(code)))
      failure.isPassing = code == EAI_AGAIN
      return .failure(failure)
    }
    var found: [String] = []
    var next = list
    while let entry = next {
      next = entry.pointee.ai_next
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let isNamed = getnameinfo(
        entry.pointee.ai_addr,
        entry.pointee.ai_addrlen,
        &text,
        socklen_t(text.count),
        nil,
        0,
        NI_NUMERICHOST
      )
      let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if isNamed == 0, !found.contains(address) { found.append(address) }
    }
    return found.isEmpty ? .failure(Failure("no address")) : .success(found)
  }

  /// Whether a host is an address already, so that there is nothing to look up.
  static func isAddress(_ host: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    // The name of an interface may follow.
    let bare = String(host.prefix { $0 != "%" })
    return inet_pton(AF_INET, bare, &four) == 1 || inet_pton(AF_INET6, bare, &six) == 1
  }
}
