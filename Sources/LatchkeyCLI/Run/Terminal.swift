// Its macros for `ioctl` and its inline functions are not visible to Swift; the functions used here are.
#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The terminal that this process belongs to, for lending it to the command as a shell does.
///
/// The command runs in a process group of its own, so that all of it can be ended when the lock is lost. A terminal gives what
/// is typed, and the signals of Ctrl-C and Ctrl-Z, to one group: so the command's group gets the terminal if this process had it.
struct Terminal: Sendable {
  private let descriptor: Int32

  /// Nil if there is no terminal, as in a service.
  init?() {
    let descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    self.descriptor = descriptor
  }

  /// Whether this process's group has the terminal.
  var isOurs: Bool { tcgetpgrp(self.descriptor) == getpgrp() }

  func belongs(to group: Int32) -> Bool { tcgetpgrp(self.descriptor) == group }

  /// Gives the terminal to a group.
  func give(to group: Int32) {
    // A process of a background group is stopped by SIGTTOU for this, unless its thread blocks that signal.
    var blocked = sigset_t()
    var before = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGTTOU)
    pthread_sigmask(SIG_BLOCK, &blocked, &before)
    _ = tcsetpgrp(self.descriptor, group)
    pthread_sigmask(SIG_SETMASK, &before, nil)
  }

  func takeBack() {
    self.give(to: getpgrp())
  }
}
