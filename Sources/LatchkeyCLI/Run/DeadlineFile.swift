internal import Latchkey
internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

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
    let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw SystemError(doing: "write the deadline file \(new)") }
    let code = Descriptors.write(Self.text(Int64(clamping: deadline.sinceStart)) + "\n", to: file)
    close(file)
    guard code == 0 else { throw SystemError(doing: "write the deadline file \(new)", code: code) }
    guard rename(new, self.path) == 0 else { throw SystemError(doing: "replace the deadline file \(self.path)") }
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
