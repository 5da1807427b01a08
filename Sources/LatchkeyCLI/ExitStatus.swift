internal import Latchkey
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

  init(_ status: ExitStatus, _ message: String?) {
    self.init(code: status.code, message)
  }

  init(code: Int32, _ message: String?) {
    self.code = code
    self.message = message
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
