package import LatchkeyPrimitives

// `environ` is a variable of the C library that nothing in this program changes.
#if canImport(Glibc)
@preconcurrency internal import Glibc
#else
@preconcurrency internal import Darwin
#endif

#if canImport(Glibc)
private typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt

/// `posix_spawn_file_actions_addclosefrom_np`, which the headers show only to programs that ask for all of GNU.
private let closeFrom = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
  // Safe: this is the function's type in glibc's <spawn.h>.
  unsafeBitCast($0, to: CloseFrom.self)
}

/// `POSIX_SPAWN_SETSID`, likewise.
private let setSession: Int32 = 0x80
#else
private let setSession = Int32(POSIX_SPAWN_SETSID)
#endif

/// A process that this one has started.
package struct ChildProcess: Sendable {
  /// How a process changed its state.
  package enum Change: Hashable, Sendable {
    case exited(Int32)
    case killed(by: Int32)
    case stopped(by: Int32)

    /// Whether the process was killed outright.
    package var isKill: Bool { self == .killed(by: SIGKILL) }

    /// The status that a shell would show; nil while the process lives.
    package var status: Int32? {
      switch self {
      case .exited(let code): code
      case .killed(let number): 128 + number
      case .stopped: nil
      }
    }
  }

  /// The group or session that a new process belongs to.
  package enum Group: Hashable, Sendable {
    case shared
    case own
    /// Away from the terminal: nothing typed there reaches it.
    case ownSession
  }

  /// C strings, ended by nil.
  package typealias CStrings = UnsafePointer<UnsafeMutablePointer<CChar>?>

  package let pid: Int32

  /// Held while a process is started, and while descriptors are made that no process must inherit. The numbers are those of the
  /// processes that were started and have not been waited for.
  package static let spawnLock = Locked<Set<Int32>>([])

  /// - Parameter pid: The number of a process that this one has started, by whatever means.
  package init(pid: Int32) {
    self.pid = pid
  }

  /// Starts a program, looked up in `PATH` if its name has no slash. The child has no descriptors but 0, 1 and 2, and all signals
  /// with their default actions, whatever this process ignores or blocks.
  ///
  /// - Parameters:
  ///   - arguments: The program and its arguments, each ended by a zero byte.
  ///   - settings: Environment variables to set, or to remove where nil.
  ///   - input: What becomes its standard input; ours by default.
  ///   - output: What becomes its standard output; ours by default.
  ///   - errors: What becomes its standard error; ours by default.
  ///   - group: The process group it runs in.
  ///   - blocked: Signals that are blocked when it starts; the processes that it starts inherit this.
  package static func spawn(
    _ arguments: [ContiguousArray<CChar>],
    settings: [String: String?] = [:],
    input: Int32? = nil,
    output: Int32? = nil,
    errors: Int32? = nil,
    group: Group = .shared,
    blocking blocked: [Int32] = []
  ) throws(SystemError) -> ChildProcess {
    let program = arguments.first.map(self.text) ?? ""
    #if canImport(Glibc)
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    var flags = Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    #else
    var actions: posix_spawn_file_actions_t?
    var attributes: posix_spawnattr_t?
    var flags = Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_CLOEXEC_DEFAULT)
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    if group == .own { flags |= Int32(POSIX_SPAWN_SETPGROUP) }
    if group == .ownSession { flags |= setSession }
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var signals = sigset_t()
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    sigemptyset(&signals)
    for number in blocked { sigaddset(&signals, number) }
    posix_spawnattr_setsigmask(&attributes, &signals)
    for (target, source) in [(STDIN_FILENO, input), (STDOUT_FILENO, output), (STDERR_FILENO, errors)] {
      #if canImport(Glibc)
      if let source { posix_spawn_file_actions_adddup2(&actions, source, target) }
      #else
      // What is not named is closed, too.
      posix_spawn_file_actions_adddup2(&actions, source ?? target, target)
      #endif
    }
    #if canImport(Glibc)
    // Before glibc 2.34, and in a static binary, there is no such function.
    if let closeFrom { _ = closeFrom(&actions, STDERR_FILENO + 1) } else { InheritedDescriptors.keepOnlyThese() }
    #endif

    var pid: pid_t = 0
    let code = self.withPointers(arguments, settings) { arguments, environment in
      guard let program = arguments[0] else { return ENOENT }
      return self.spawnLock.withLock { running in
        let code = posix_spawnp(&pid, program, &actions, &attributes, arguments, environment)
        if code == 0 { running.insert(pid) }
        return code
      }
    }
    guard code == 0 else { throw SystemError(doing: "run \"\(program)\"", code: code) }
    return ChildProcess(pid: pid)
  }

  /// As above, with arguments that are Swift strings.
  package static func spawn(
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
  package func signal(_ number: Int32, group: Bool = false) {
    #if canImport(Glibc)
    _ = Glibc.kill(group ? -self.pid : self.pid, number)
    #else
    _ = Darwin.kill(group ? -self.pid : self.pid, number)
    #endif
  }

  package func kill() { self.signal(SIGKILL) }

  package func pause() { self.signal(SIGSTOP) }

  package func resume() { self.signal(SIGCONT) }

  /// Tells what becomes of the process, up to its end. Call it once: it also collects the exit status.
  package func onChange(_ handler: @escaping @Sendable (Change) -> Void) {
    Background.start("wait") {
      while true {
        var status: Int32 = 0
        let pid = waitpid(self.pid, &status, WUNTRACED)
        if pid < 0, errno == EINTR { continue }
        // Nothing else collects the children of this process, so there is a status. If there is none all the same, nobody
        // knows how it ended, which is not to be taken for success.
        let change = pid == self.pid ? Self.change(status) : .exited(Self.unknown)
        if change.status != nil { self.forget() }
        handler(change)
        if change.status != nil { return }
      }
    }
  }

  /// Notes that the process has been waited for: its number may be that of another one from now on.
  package func forget() {
    Self.spawnLock.withLock { _ = $0.remove(self.pid) }
  }

  /// Waits for the end of the process, even if the task is cancelled: no process is left behind.
  package func wait() async -> Change {
    await withCheckedContinuation { continuation in
      self.onChange { change in
        if change.status != nil { continuation.resume(returning: change) }
      }
    }
  }

  /// The exit status of a process of which none is known.
  private static let unknown: Int32 = 125

  /// The encoding of `waitpid`, whose macros Swift does not see.
  private static func change(_ status: Int32) -> Change {
    if status & 0xff == 0x7f { return .stopped(by: status >> 8 & 0xff) }
    if status & 0x7f != 0 { return .killed(by: status & 0x7f) }
    return .exited(status >> 8 & 0xff)
  }

  /// Lends a program's arguments and its environment, as the C library wants them.
  ///
  /// - Returns: What the body returned; `ENOENT` where there is no program.
  package static func withPointers(
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

  /// The last words of this process's own command line, whatever their encoding.
  package static func ownArguments(last count: Int) -> [ContiguousArray<CChar>] {
    let all = UnsafeBufferPointer(start: CommandLine.unsafeArgv, count: Int(CommandLine.argc))
    return all.suffix(count).compactMap { raw in
      raw.map { ContiguousArray(UnsafeBufferPointer(start: $0, count: strlen($0) + 1)) }
    }
  }

  /// An argument as text for messages.
  package static func text(_ argument: ContiguousArray<CChar>) -> String {
    String(decoding: argument.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
