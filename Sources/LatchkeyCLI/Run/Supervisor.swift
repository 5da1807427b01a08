internal import Latchkey
internal import LatchkeyProcesses

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Runs a command under a lease: passes signals on, ends the command when the lock is lost.
struct Supervisor: Sendable {
  /// How it went.
  enum Outcome: Sendable {
    /// - Parameter group: The number of the command's process group, which may have members that run on.
    case ended(ChildProcess.Change, group: Int32)
    case lost(LockError)
  }

  /// What can happen while the command runs.
  private enum Event: Sendable {
    case child(ChildProcess.Change)
    case signal(Int32)
    case lost(LockError)
    case graceOver
  }

  let command: [ContiguousArray<CChar>]
  let settings: [String: String?]
  let grace: Duration
  /// A folder of this run, removed even if this process is killed outright.
  var folder: String?
  let signals: RunSignals
  /// Called when the lock is lost, before the command gets its signal.
  var onLoss: @Sendable () -> Void = {}

  /// Runs the command to its end.
  ///
  /// - Throws: ``SystemError`` if it could not be started.
  func run(under held: HeldLock) async throws -> Outcome {
    let watchdog = try Watchdog(grace: self.grace, folder: self.folder)
    let child: ChildProcess
    let terminal = Terminal()
    let lend = terminal?.isOurs == true
    do {
      let prepared = try PreparedProcess(self.command, settings: self.settings)
      child = prepared.process
      watchdog.guardGroup(of: child)
      try prepared.begin()
    } catch {
      await watchdog.dismiss()
      throw error
    }
    if lend { terminal?.give(to: child.pid) }
    let outcome = await self.watch(child, held, terminal)
    if let terminal, terminal.belongs(to: child.pid) { terminal.takeBack() }
    await watchdog.dismiss()
    return outcome
  }

  private func watch(_ child: ChildProcess, _ held: HeldLock, _ terminal: Terminal?) async -> Outcome {
    let (events, feed) = AsyncStream.makeStream(of: Event.self)
    self.signals.forward { feed.yield(.signal($0)) }
    defer { self.signals.forward(nil) }
    return await withTaskGroup(of: Void.self) { group in
      child.onChange { feed.yield(.child($0)) }
      group.addTask { if let loss = await held.lost { feed.yield(.lost(loss)) } }
      defer { group.cancelAll() }

      /// And until when the command may take to end.
      var loss: (LockError, ContinuousClock.Instant)?
      for await event in events {
        switch event {
        case .child(let change) where change.status == nil: self.stopped(by: change, child, terminal)
        case .child(let change):
          if let (error, end) = loss {
            await self.endGroup(of: child, by: end)
            return .lost(error)
          }
          // It may have gone on, and ended, while this process stood still: then the loss has not been reported yet.
          guard !held.isHeld, let error = await held.lost else { return .ended(change, group: child.pid) }
          self.onLoss()
          Console.note("\(error.loss); the command has ended, perhaps not in time")
          self.terminate(child)
          await self.endGroup(of: child, by: .now.advanced(by: self.grace))
          return .lost(error)
        case .signal(SIGCONT):
          if let terminal, terminal.isOurs { terminal.give(to: child.pid) }
          child.signal(SIGCONT, group: true)
        case .signal(let number): child.signal(number, group: RunSignals.isForWholeGroup(number))
        case .lost(let error):
          loss = (error, .now.advanced(by: self.grace))
          self.onLoss()
          Console.note("\(error.loss); ending the command")
          self.terminate(child)
          group.addTask {
            if (try? await Task.sleep(for: self.grace)) != nil { feed.yield(.graceOver) }
          }
        case .graceOver:
          Console.note("the command is still there \(DurationText.format(self.grace)) after TERM; killing it")
          child.signal(SIGKILL, group: true)
        }
      }
      preconditionFailure("the stream of events ended, though this function holds its feed")
    }
  }

  private func terminate(_ child: ChildProcess) {
    child.signal(SIGTERM, group: true)
    // What is stopped takes no TERM until it goes on.
    child.signal(SIGCONT, group: true)
  }

  /// The command was stopped: by Ctrl-Z, or because it wants the terminal.
  private func stopped(by change: ChildProcess.Change, _ child: ChildProcess, _ terminal: Terminal?) {
    guard case .stopped(let number) = change, let terminal else { return }
    let wantsTerminal = number == SIGTTIN || number == SIGTTOU
    if wantsTerminal, terminal.belongs(to: child.pid) {
      // It was faster than we were in lending it the terminal.
      child.signal(SIGCONT, group: true)
      return
    }
    guard terminal.belongs(to: child.pid) || wantsTerminal else { return }
    // Stop with it, as one job: the shell then takes the terminal, and SIGCONT wakes both.
    if terminal.belongs(to: child.pid) { terminal.takeBack() }
    _ = kill(0, SIGTSTP)
  }

  /// Ends what the command has left of its group: it is unprotected too.
  private func endGroup(of child: ChildProcess, by end: ContinuousClock.Instant) async {
    while ProcessTable.hasLiving(inGroup: child.pid), ContinuousClock.now < end {
      try? await Task.sleep(for: .milliseconds(20))
    }
    if ProcessTable.hasLiving(inGroup: child.pid) { child.signal(SIGKILL, group: true) }
  }
}

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
