internal import Latchkey
internal import LatchkeyPrimitives

// `environ` is a variable of the C library that nothing in this program changes.
#if canImport(Glibc)
@preconcurrency internal import Glibc
#else
@preconcurrency internal import Darwin
#endif

/// A process that this one has started.
struct ChildProcess: Sendable {
  /// How a process changed its state.
  enum Change: Hashable, Sendable {
    case exited(Int32)
    case killed(by: Int32)
    case stopped(by: Int32)

    /// The status that a shell would show; nil while the process lives.
    var status: Int32? {
      switch self {
      case .exited(let code): code
      case .killed(let number): 128 + number
      case .stopped: nil
      }
    }
  }

  /// The group or session that a new process belongs to.
  enum Group: Hashable, Sendable {
    case shared
    case own
    /// Away from the terminal: nothing typed there reaches it.
    case ownSession
  }

  /// C strings, ended by nil.
  typealias CStrings = UnsafePointer<UnsafeMutablePointer<CChar>?>

  let pid: Int32

  /// Held while a process is started, and while descriptors are made that no process must inherit. The numbers are those of the
  /// processes that were started and have not been waited for.
  static let spawnLock = Locked<Set<Int32>>([])

  #if canImport(Glibc)
  /// `POSIX_SPAWN_SETSID`, which the C library shows only to programs that ask for its extensions.
  private static let setSession: Int32 = 0x80
  #else
  private static let setSession = Int32(POSIX_SPAWN_SETSID)
  #endif

  /// Starts a program, looked up in `PATH` if its name has no slash. The child has no descriptors but 0, 1 and 2, no blocked
  /// signals, and the dispositions that this process was started with.
  ///
  /// - Parameters:
  ///   - arguments: The program and its arguments, each ended by a zero byte.
  ///   - settings: Environment variables to set, or to remove where nil.
  ///   - input: What becomes its standard input; ours by default.
  ///   - output: What becomes its standard output; ours by default.
  ///   - errors: What becomes its standard error; ours by default.
  ///   - group: The process group it runs in.
  ///   - blocked: Signals that are blocked when it starts; the processes that it starts inherit this.
  static func spawn(
    _ arguments: [ContiguousArray<CChar>],
    settings: [String: String?] = [:],
    input: Int32? = nil,
    output: Int32? = nil,
    errors: Int32? = nil,
    group: Group = .shared,
    blocking blocked: [Int32] = []
  ) throws(SystemError) -> ChildProcess {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var flags = Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    if group == .own { flags |= Int32(POSIX_SPAWN_SETPGROUP) }
    if group == .ownSession { flags |= self.setSession }
    posix_spawnattr_setflags(&attributes, Int16(flags))
    // The thread that spawns may block signals. This command ignores SIGPIPE, which most programs must not.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in blocked { sigaddset(&signals, number) }
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigemptyset(&signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, source) in [(STDIN_FILENO, input), (STDOUT_FILENO, output), (STDERR_FILENO, errors)] {
      if let source { posix_spawn_file_actions_adddup2(&actions, source, target) }
    }

    var pid: pid_t = 0
    let code = self.withPointers(arguments, settings) { arguments, environment in
      guard let program = arguments[0] else { return ENOENT }
      return self.spawnLock.withLock { running in
        InheritedDescriptors.keepOnlyThese()
        let code = posix_spawnp(&pid, program, &actions, &attributes, arguments, environment)
        if code == 0 { running.insert(pid) }
        return code
      }
    }
    guard code == 0 else {
      throw SystemError(doing: "run \"\(arguments.first.map(self.text) ?? "")\"", code: code)
    }
    return ChildProcess(pid: pid)
  }

  /// As above, with arguments that are Swift strings.
  static func spawn(
    _ arguments: [String],
    settings: [String: String?] = [:],
    input: Int32? = nil,
    output: Int32? = nil,
    errors: Int32? = nil,
    group: Group = .shared,
    blocking blocked: [Int32] = []
  ) throws(SystemError) -> ChildProcess {
    try self.spawn(
      arguments.map(\.utf8CString),
      settings: settings,
      input: input,
      output: output,
      errors: errors,
      group: group,
      blocking: blocked
    )
  }

  /// Sends a signal to the process, or to its whole group if it has its own. A process that has ended is no error.
  func signal(_ number: Int32, group: Bool = false) {
    _ = kill(group ? -self.pid : self.pid, number)
  }

  /// Whether the group of this process has members that have not ended, itself included.
  var groupLives: Bool {
    guard kill(-self.pid, 0) == 0 || errno == EPERM else { return false }
    // Zombies count as members until they are reaped, which may be never.
    let table = ProcessTable.all
    return table.isEmpty || table.contains { $0.group == self.pid && !$0.isZombie }
  }

  /// Tells what becomes of the process, up to its end. Call it once: it also collects the exit status.
  func onChange(_ handler: @escaping @Sendable (Change) -> Void) {
    Background.start("wait") {
      while true {
        var status: Int32 = 0
        let pid = waitpid(self.pid, &status, WUNTRACED)
        if pid < 0, errno == EINTR { continue }
        // Nothing else collects the children of this process, so there is a status. If there is none all the same, nobody
        // knows how it ended, which is not to be taken for success.
        let change = pid == self.pid ? Self.change(status) : .exited(RunStatus.ours)
        if change.status != nil { Self.spawnLock.withLock { _ = $0.remove(self.pid) } }
        handler(change)
        if change.status != nil { return }
      }
    }
  }

  /// Waits for the end of the process, even if the task is cancelled: no process is left behind.
  func wait() async -> Change {
    await withCheckedContinuation { continuation in
      self.onChange { change in
        if change.status != nil { continuation.resume(returning: change) }
      }
    }
  }

  /// The encoding of `waitpid`, whose macros Swift does not see.
  private static func change(_ status: Int32) -> Change {
    if status & 0xff == 0x7f { return .stopped(by: status >> 8 & 0xff) }
    if status & 0x7f != 0 { return .killed(by: status & 0x7f) }
    return .exited(status >> 8 & 0xff)
  }

  /// Lends a program's arguments and its environment, as the C library wants them.
  ///
  /// - Returns: What the body returned; `ENOENT` where there is no program.
  static func withPointers(
    _ arguments: [ContiguousArray<CChar>],
    _ settings: [String: String?],
    _ body: (CStrings, CStrings) -> Int32
  ) -> Int32 {
    guard !arguments.isEmpty else { return ENOENT }
    let argumentPointers = arguments.map { self.copy($0) } + [nil]
    defer { for pointer in argumentPointers { free(pointer) } }
    let added = settings.compactMap { key, value in value.map { strdup("\(key)=\($0)") } }
    defer { for pointer in added { free(pointer) } }
    let environmentPointers = self.environment(without: Set(settings.keys)) + added + [nil]
    return argumentPointers.withUnsafeBufferPointer { arguments in
      environmentPointers.withUnsafeBufferPointer { environment in
        guard let arguments = arguments.baseAddress, let environment = environment.baseAddress else { return ENOENT }
        return body(arguments, environment)
      }
    }
  }

  /// The variables of this process except some, as they are, whatever their encoding.
  private static func environment(without removed: Set<String>) -> [UnsafeMutablePointer<CChar>?] {
    var kept: [UnsafeMutablePointer<CChar>?] = []
    var next = environ
    while let entry = next.pointee {
      let key = String(cString: entry).prefix { $0 != "=" }
      if !removed.contains(String(key)) { kept.append(entry) }
      next = next.advanced(by: 1)
    }
    return kept
  }

  private static func copy(_ argument: ContiguousArray<CChar>) -> UnsafeMutablePointer<CChar>? {
    argument.withUnsafeBufferPointer { bytes in bytes.baseAddress.flatMap { strdup($0) } }
  }

  /// An argument as text for messages.
  static func text(_ argument: ContiguousArray<CChar>) -> String {
    String(decoding: argument.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
