internal import LatchkeyProcesses

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
  private let process: ServerChild

  /// Starts a watchdog over some folders.
  init(folders: [String]) throws(ServerError) {
    let arguments = ["/bin/sh", "-c", Self.script, "latchkey-watchdog"] + folders
    let (lifeline, process) = try Lifeline.make { end throws(ServerError) in
      try ServerChild.start(arguments, input: end, output: "/dev/null")
    }
    self.lifeline = lifeline
    self.process = ServerChild(process)
  }

  /// Has the watchdog kill this process group, and no earlier one, when we end.
  func watch(_ group: Int32) {
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
