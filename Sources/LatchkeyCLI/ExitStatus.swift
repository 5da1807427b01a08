internal import Latchkey
internal import LatchkeyProcesses
internal import LatchkeyTesting

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What the command says to the script that called it.
enum ExitStatus: Hashable, Sendable {
  case success
  /// A check failed: lost updates under a lock, tokens out of order.
  case failed
  case usage
  case unreachable
  /// The lock was held by somebody else for the whole wait.
  case busy
  case signal(Int32)

  var code: Int32 {
    switch self {
    case .success: 0
    case .failed: 1
    case .usage: 64
    case .unreachable: 69
    case .busy: 75
    case .signal(let number): 128 + number
    }
  }

  /// The status for an error of the library.
  init(_ error: LockError) {
    self =
      switch error.code {
      case .timedOut: .busy
      case .invalidName, .invalidURL, .invalidConfiguration, .notSupported: .usage
      case .unreachable, .notAuthorized, .closed, .backendFailure: .unreachable
      default: .failed
      }
  }
}

/// Ends the command with a status, and a line on standard error that says what to do.
struct CommandFailure: Error {
  let code: Int32
  let message: String?
  /// The signal that ended the command, or what ran under its lock.
  let signal: Int32?

  init(_ status: ExitStatus, _ message: String?) {
    self.code = status.code
    self.message = message
    self.signal = if case .signal(let number) = status { number } else { nil }
  }

  init(code: Int32, _ message: String?) {
    self.code = code
    self.message = message
    self.signal = nil
  }

  init(_ error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as LockError: self.init(ExitStatus(error), error.description)
    // This machine refuses what the command needs before there is anything to judge: a folder, a pipe, a process.
    case let error as SystemError: self.init(.unreachable, error.description)
    case let error as ServerError: self.init(.unreachable, error.description)
    default: self.init(.failed, "\(error)")
    }
  }
}

/// Ends the process. A function of its own, because a command has an `exit` of its own.
func endProcess(with code: Int32) -> Never {
  exit(code)
}

/// Ends the process as the signal itself would, after everything was cleaned up.
///
/// From an exit status of 128 and more a shell cannot know that Ctrl-C was pressed: it would go on with its loop or script.
func endProcess(by number: Int32) -> Never {
  // A core of this process would say nothing about what failed. A limit of one byte also keeps it from a program that collects
  // cores, which zero does not.
  var limit = rlimit(rlim_cur: 1, rlim_max: 1)
  for size: rlim_t in [1, 0] {
    limit.rlim_cur = size
    limit.rlim_max = size
    if setrlimit(coreSize, &limit) == 0 { break }
  }
  _ = signal(number, SIG_DFL)
  var signals = sigset_t()
  sigemptyset(&signals)
  sigaddset(&signals, number)
  pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  raise(number)
  // The first process of a container is ended by no signal of its own.
  exit(ExitStatus.signal(number).code)
}

#if canImport(Glibc)
private let coreSize = __rlimit_resource_t(RLIMIT_CORE.rawValue)
#else
private let coreSize = RLIMIT_CORE
#endif

/// The statuses of `latchkey run` besides the command's own, after env(1) and timeout(1).
enum RunStatus {
  static let lockLost: Int32 = 122
  static let waitRanOut: Int32 = 124
  static let ours: Int32 = 125
  static let notExecutable: Int32 = 126
  static let notFound: Int32 = 127
}
