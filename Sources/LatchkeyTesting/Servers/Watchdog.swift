internal import Latchkey

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A small shell that outlives us: when we end, whichever way, it kills the server and removes the server's folders.
///
/// A signal on the parent's death would not do: it follows the thread that started the server, and threads come and go.
final class Watchdog: Sendable {
  /// Each line names the process group to kill at the end of the input; an empty one, that there is none.
  ///
  /// Files may still appear while a killed server comes to its end, so removal is tried until nothing is left. Its programs come
  /// from the system's folders: `PATH` may have the servers alone.
  private static let script = """
    trap '' HUP INT QUIT TERM
    group=
    while read -r line; do group=$line; done
    [ -z "$group" ] || kill -s KILL -- "-$group"
    tries=0
    until command -p rm -rf -- "$@" || [ $tries -ge 100 ]; do tries=$((tries + 1)); command -p sleep 0.05; done
    """

  private let lifeline: Lifeline
  private let process: ChildProcess

  /// Starts a watchdog over some folders.
  init(folders: [String]) throws(ServerError) {
    var pid: pid_t = 0
    self.lifeline = try Lifeline { childEnd throws(ServerError) in
      let arguments = ["/bin/sh", "-c", Self.script, "latchkey-watchdog"] + folders
      pid = try spawn(arguments, input: childEnd, output: "/dev/null")
    }
    self.process = ChildProcess(pid: pid) {}
  }

  /// Has the watchdog kill this process group, and no earlier one, when we end.
  func watch(_ group: pid_t) {
    self.lifeline.say(String(group))
  }

  /// Tells the watchdog that there is nothing to kill any more.
  func watchNothing() {
    self.lifeline.say("")
  }

  /// Has the watchdog do its work now, and waits until it has.
  func finish() async {
    self.lifeline.cut()
    await self.process.exit()
  }
}
