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
    let first = Self.ask(host, flags: AI_ADDRCONFIG)
    // Some systems refuse the flag where a network is missing.
    if case .failure = first { return Self.ask(host, flags: 0) }
    return first
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
      return .failure(Failure(code == EAI_SYSTEM ? String(systemError: errno) : String(cString: gai_strerror(code))))
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
