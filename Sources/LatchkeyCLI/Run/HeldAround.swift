internal import Latchkey

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The locks that a command runs under, as it is told in its environment: a line for each, with the process that holds it.
struct HeldAround: Sendable {
  static let variable = "LATCHKEY_HELD"

  private let lines: [Substring]

  /// - Parameter text: What the environment says; nil if nothing.
  init(_ text: String? = getenv(variable).map { String(cString: $0) }) {
    self.lines = (text ?? "").split(separator: "\n")
  }

  /// What is passed on to a command under one more lock.
  func adding(_ url: LockURL, holder: Int32 = getpid()) -> String {
    (self.lines + ["\(holder) \(Self.identity(url))"]).joined(separator: "\n")
  }

  /// The process that holds this very lock and has started, at some remove, the one that asks for it now.
  ///
  /// - Parameters:
  ///   - url: The lock that is asked for.
  ///   - isAncestor: Whether a process is one of those above this one. What runs on after its lock has none such.
  func holder(of url: LockURL, isAncestor: (Int32) -> Bool = ProcessTable.hasAncestor) -> Int32? {
    let identity = Self.identity(url)
    for line in self.lines {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2, parts[1] == identity, let pid = Int32(parts[0]), isAncestor(pid) { return pid }
    }
    return nil
  }

  /// The lock without what may differ between two URLs of it: credentials, options, the order of the servers.
  private static func identity(_ url: LockURL) -> String {
    let hosts = url.hosts.map(\.description).sorted().joined(separator: ",")
    let root = url.chroot ?? url.database.map { "\($0)" } ?? ""
    return "\(url.scheme.backendKind) \(hosts) \(root) \(url.name)"
  }
}
