#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

#if !canImport(Darwin)
private typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, CInt) -> CInt

/// `posix_spawn_file_actions_addclosefrom_np`, which the headers show only to programs that ask for all of GNU.
private let closeFrom = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
  // Safe: this is the function's type in glibc's <spawn.h>.
  unsafeBitCast($0, to: CloseFrom.self)
}
#endif

/// Starts a process in a process group of its own, which gets no descriptor of ours but the one given as its input.
///
/// Its own group keeps Ctrl-C at the terminal from it: what ends a server is its parent, or its parent's end.
///
/// - Parameters:
///   - arguments: The program's path, then its arguments.
///   - input: Its standard input.
///   - output: The file that its standard output and error are appended to.
/// - Returns: The identifier of the process, which is that of its group too.
func spawn(_ arguments: [String], input: CInt, output: String) throws(ServerError) -> pid_t {
  #if canImport(Darwin)
  var actions: posix_spawn_file_actions_t?
  var attributes: posix_spawnattr_t?
  let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_CLOEXEC_DEFAULT
  #else
  var actions = posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
  #endif
  posix_spawn_file_actions_init(&actions)
  posix_spawnattr_init(&attributes)
  defer {
    posix_spawn_file_actions_destroy(&actions)
    posix_spawnattr_destroy(&attributes)
  }
  posix_spawn_file_actions_adddup2(&actions, input, 0)
  posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
  posix_spawn_file_actions_adddup2(&actions, 1, 2)
  #if !canImport(Darwin)
  guard let closeFrom else { throw ServerError(.system, "Throw-away servers need glibc 2.34 or newer.") }
  _ = closeFrom(&actions, 3)
  #endif
  // Whatever the parent ignores or blocks, the child starts with a clean slate: SIGTERM must end a server.
  var all = sigset_t()
  var none = sigset_t()
  sigfillset(&all)
  sigemptyset(&none)
  posix_spawnattr_setsigdefault(&attributes, &all)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setpgroup(&attributes, 0)
  posix_spawnattr_setflags(&attributes, Int16(flags))

  var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
  defer { for pointer in pointers { free(pointer) } }
  pointers.append(nil)
  var pid: pid_t = 0
  let failure = posix_spawn(&pid, arguments[0], &actions, &attributes, pointers, environ)
  guard failure == 0 else { throw .system("Cannot start \(arguments[0])", failure) }
  return pid
}
