internal import Latchkey

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

internal import Dispatch

/// The duty of a first process, as in a container: processes that lose their parent become its children, and stay in the table
/// of processes until it has asked for their status.
final class Orphans: Sendable {
  /// Nil unless this is the first process.
  static let shared = getpid() == 1 ? Orphans() : nil

  private let queue = DispatchQueue(label: "latchkey.orphans")
  private let isAsked = Locked(false)

  /// Reaps those that have ended, soon: many may end at once.
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
    // What was started here is left to those who wait for it. Under the lock: nothing is started meanwhile.
    ChildProcess.spawnLock.withLock { ours in
      for process in ProcessTable.all
      where process.isZombie && process.parent == getpid() && !ours.contains(process.pid) {
        waitpid(process.pid, nil, WNOHANG)
      }
    }
  }
}
