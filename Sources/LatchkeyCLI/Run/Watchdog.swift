#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Ends the command if this process is killed outright, so that it does not go on without its lock.
///
/// A small `sh` in a session of its own holds the reading end of a pipe. The end of that file means that this process is dead: it
/// then sends TERM to the command's group, and KILL after the grace. A parent-death signal would do for one process, but not
/// for what the command has started, and it follows a thread, not a process.
struct Watchdog: Sendable {
  private let process: ChildProcess
  private let pipe: Int32

  private static let script = """
    read -r group || exit 0
    read -r done && exit 0
    kill -s TERM -- "-$group" 2>/dev/null && sleep "$1" && kill -s KILL -- "-$group" 2>/dev/null
    [ -z "$2" ] || rm -rf -- "$2"
    """

  /// - Parameters:
  ///   - grace: The time from TERM to KILL.
  ///   - folder: A folder that is then to be removed.
  init(grace: Duration, folder: String? = nil) throws(SystemError) {
    let pipe = try Pipe()
    defer { close(pipe.reading) }
    let (whole, rest) = grace.components
    let seconds = max(0, rest > 0 ? whole + 1 : whole)
    self.process = try ChildProcess.spawn(
      ["/bin/sh", "-c", Self.script, "latchkey-watchdog", "\(seconds)", folder ?? ""],
      settings: ["LATCHKEY_PASSWORD": nil],
      input: pipe.reading,
      group: .ownSession
    )
    self.pipe = pipe.writing
  }

  /// Names the group to end.
  func guardGroup(of child: ChildProcess) {
    Descriptors.write("\(child.pid)\n", to: self.pipe)
  }

  /// Sends it home: the command has ended.
  func dismiss() async {
    Descriptors.write("done\ndone\n", to: self.pipe)
    close(self.pipe)
    _ = await self.process.wait()
  }
}
