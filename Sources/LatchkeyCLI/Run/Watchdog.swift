internal import Dispatch
internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Ends the command if this process is killed outright, so that the command does not go on without its lock.
///
/// A small `sh` in a session of its own holds the reading end of a pipe. The end of that file means that this process is dead: it
/// then sends TERM to the command's group, and KILL after the grace. A parent-death signal would do for one process, but not
/// for what the command has started, and it follows a thread, not a process.
struct Watchdog: Sendable {
  private let process: ChildProcess
  private let pipe: Int32

  /// It reads lines: the grace, the folder, the group, and a last one when all is well. Its arguments do not name latchkey, so
  /// that `pkill -f latchkey` spares it, and its programs come from the system's folders, whatever `PATH` says.
  private static let script = """
    trap '' TERM HUP INT QUIT
    IFS= read -r grace && IFS= read -r folder || exit 0
    if read -r group; then
      read -r done && exit 0
      kill -s TERM -- "-$group" 2>/dev/null && command -p sleep "$grace" && kill -s KILL -- "-$group" 2>/dev/null
    fi
    [ -z "$folder" ] || command -p rm -rf -- "$folder"
    """

  /// Signals that service managers and terminals send to all processes of a job; the watchdog ends at the end of its pipe. It
  /// starts with these blocked, so that none arrives before its trap is set; a shell may unblock them later.
  private static let unheeded = [SIGTERM, SIGHUP, SIGINT, SIGQUIT]

  /// - Parameters:
  ///   - grace: The time from TERM to KILL.
  ///   - folder: A folder that is then to be removed.
  init(grace: Duration, folder: String? = nil) throws(SystemError) {
    let pipe = try Pipe()
    defer { close(pipe.reading) }
    let seconds = max(0, grace.secondsRoundedUp)
    do {
      self.process = try ChildProcess.spawn(
        ["/bin/sh", "-c", Self.script, "lock-watchdog"],
        settings: ["LATCHKEY_PASSWORD": nil],
        input: pipe.reading,
        group: .ownSession,
        blocking: Self.unheeded
      )
    } catch {
      close(pipe.writing)
      throw error
    }
    self.pipe = pipe.writing
    Descriptors.write("\(seconds)\n\(folder ?? "")\n", to: self.pipe)
  }

  /// Names the group to end.
  func guardGroup(of child: ChildProcess) {
    Descriptors.write("\(child.pid)\n", to: self.pipe)
  }

  /// Ends it: the command has ended, or was not started.
  func dismiss() async {
    Descriptors.write("done\ndone\n", to: self.pipe)
    close(self.pipe)
    _ = await self.process.wait()
  }
}

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
