internal import Latchkey

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

internal import Dispatch
internal import LatchkeyPrimitives

/// Reaps orphans if this is the first process, as in a container: processes that lose their parent become its children, and stay
/// zombies until it has waited for them.
final class Orphans: Sendable {
  /// Nil unless this is the first process.
  static let shared = getpid() == 1 ? Orphans() : nil

  private let queue = DispatchQueue(label: "latchkey.orphans")
  private let isAsked = Locked(false)

  /// Reaps those that have ended, a moment later: many may end at once.
  func reapSoon() {
    let isFirst = self.isAsked.withLock { isAsked in
      defer { isAsked = true }
      return !isAsked
    }
    guard isFirst else { return }
    self.queue.asyncAfter(deadline: .now() + .milliseconds(10)) {
      self.isAsked.withLock { $0 = false }
      self.reap()
    }
  }

  private func reap() {
    // Processes that were started here are waited for elsewhere. Under the lock no other one is started.
    ChildProcess.spawnLock.withLock { ours in
      for process in ProcessTable.all
      where process.isZombie && process.parent == getpid() && !ours.contains(process.pid) {
        waitpid(process.pid, nil, WNOHANG)
      }
    }
  }
}
