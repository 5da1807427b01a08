internal import Latchkey

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The locks that a command runs under, as its environment lists them: a line for each, with the process that holds it.
struct HeldAround: Sendable {
  static let variable = "LATCHKEY_HELD"

  private let lines: [Substring]

  /// - Parameter text: What the environment says; nil if nothing.
  init(_ text: String? = getenv(variable).map { String(cString: $0) }) {
    self.lines = (text ?? "").split(separator: "\n")
  }

  /// The list for a command that runs under one more lock.
  func adding(_ url: LockURL, holder: Int32 = getpid()) -> String {
    (self.lines + ["\(holder) \(Self.identity(url))"]).joined(separator: "\n")
  }

  /// The process that holds this lock and is an ancestor of this process; nil if there is none.
  ///
  /// - Parameters:
  ///   - url: The lock that this process asks for.
  ///   - isAncestor: Whether a process is an ancestor of this one: a holder that has ended is none, and cannot wait for us.
  func holder(of url: LockURL, isAncestor: (Int32) -> Bool = ProcessTable.hasAncestor) -> Int32? {
    let identity = Self.identity(url)
    for line in self.lines {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2, parts[1] == identity, let pid = Int32(parts[0]), isAncestor(pid) { return pid }
    }
    return nil
  }

  /// What identifies a lock, without what may differ between two of its URLs: credentials, options, the order of the servers.
  private static func identity(_ url: LockURL) -> String {
    let hosts = url.hosts.map(\.description).sorted().joined(separator: ",")
    let root = url.chroot ?? url.database.map { "\($0)" } ?? ""
    return "\(url.scheme.backendKind) \(hosts) \(root) \(url.name)"
  }
}
