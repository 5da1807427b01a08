internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses
internal import LatchkeyTesting

/// Tells the command until when the lock is safe: a file of one line, in seconds on the clock of `/proc/uptime`.
///
/// Replaced by rename, so a reader never sees half a number. The folder and the file are this user's alone.
final class DeadlineFile: Sendable {
  let folder: TemporaryFolder
  /// Nothing is written after it, and two do not write at once.
  private let isRevoked = Locked(false)

  /// - Parameter parents: Where its folder may be made.
  init(in parents: [String] = TemporaryFolder.parents) throws(SystemError) {
    self.folder = try TemporaryFolder(in: parents)
  }

  var path: String { self.folder.file("deadline") }

  /// Writes the deadline.
  ///
  /// - Parameter deadline: On this process's clock, which counts from the machine's start as `/proc/uptime` does.
  func write(_ deadline: ContinuousClock.Instant) throws(SystemError) {
    try self.isRevoked.withLock { isRevoked throws(SystemError) in
      if !isRevoked { try self.replace(deadline) }
    }
  }

  private func replace(_ deadline: ContinuousClock.Instant) throws(SystemError) {
    let new = self.folder.file("deadline.new")
    try Descriptors.write(Self.text(Int64(clamping: deadline.sinceStart)) + "\n", toFile: new)
    try Descriptors.rename(new, to: self.path)
  }

  /// Keeps the file up to date until the task is cancelled or the lease ends. A deadline that stays is not written again.
  ///
  /// - Parameters:
  ///   - held: Whose deadline it is.
  ///   - written: What the file says now.
  func follow(_ held: HeldLock, since written: ContinuousClock.Instant) async {
    var written = written
    while held.isHeld, let remaining = held.remaining {
      // A tenth of what is left: the file lags behind the truth on the safe side, and only a little.
      let pause = min(max(remaining / 10, .milliseconds(20)), .seconds(1))
      guard (try? await Task.sleep(for: pause)) != nil else { return }
      guard let deadline = held.deadline, deadline != written else { continue }
      do {
        try self.write(deadline)
        written = deadline
      } catch {
        Console.note("\(error); the command sees an older deadline")
      }
    }
  }

  /// Says that the lock is not safe any more, whatever its deadline was.
  func revoke() {
    self.isRevoked.withLock { isRevoked in
      guard !isRevoked else { return }
      isRevoked = true
      do throws(SystemError) {
        try self.replace(.now)
      } catch {
        Console.note("\(error); the command sees a deadline that means nothing any more")
      }
    }
  }

  func remove() {
    self.folder.remove()
  }

  /// Seconds with nine decimals, without floating point.
  static func text(_ nanoseconds: Int64) -> String {
    let fraction = String(nanoseconds % 1_000_000_000)
    return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 9 - fraction.count) + fraction
  }
}

/// The locks that a command runs under, as its environment lists them: a line for each, with the process that holds it.
struct HeldAround: Sendable {
  static let variable = "LATCHKEY_HELD"

  private let lines: [Substring]

  /// - Parameter text: What the environment says; nil if nothing.
  init(_ text: String? = Environment.value(variable)) {
    self.lines = (text ?? "").split(separator: "\n")
  }

  /// The list for a command that runs under one more lock.
  func adding(_ url: LockURL, holder: Int32 = ProcessTable.own) -> String {
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
