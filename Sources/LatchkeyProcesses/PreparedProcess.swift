internal import CProcess
internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A process in a group of its own that has not begun to run its program, so that a watchdog can learn its number first.
///
/// If this process ends first, however suddenly, the other one exits and runs nothing.
package struct PreparedProcess: ~Copyable {
  /// The process. Its number is that of its group.
  package let process: ChildProcess
  private let program: String
  private let gate: Int32
  private let report: Int32

  /// - Parameters:
  ///   - arguments: The program, looked up in `PATH` if its name has no slash, and its arguments, each ended by a zero byte.
  ///   - settings: Environment variables to set, or to remove where nil.
  package init(_ arguments: [ContiguousArray<CChar>], settings: [String: String?] = [:]) throws(SystemError) {
    self.program = arguments.first.map(ChildProcess.text) ?? ""
    var prepared = prepared_process()
    let code = ChildProcess.withPointers(arguments, settings) { arguments, environment in
      var mask = sigset_t()
      sigemptyset(&mask)
      return ChildProcess.spawnLock.withLock { running in
        InheritedDescriptors.keepOnlyThese()
        let code = prepare_process(arguments, environment, &mask, &prepared)
        if code == 0 { running.insert(prepared.pid) }
        return code
      }
    }
    guard code == 0 else { throw SystemError(doing: "run \"\(self.program)\"", code: code) }
    self.process = ChildProcess(pid: prepared.pid)
    self.gate = prepared.gate
    self.report = prepared.report
  }

  /// Lets the program begin.
  ///
  /// - Throws: ``SystemError`` if there is no such program, or it cannot be run. The process has ended then.
  package consuming func begin() throws(SystemError) {
    _ = write(self.gate, [1] as [UInt8], 1)
    var code: Int32 = 0
    var count: Int
    repeat { count = read(self.report, &code, MemoryLayout<Int32>.size) } while count < 0 && errno == EINTR
    guard count == MemoryLayout<Int32>.size else { return }
    var status: Int32 = 0
    while waitpid(self.process.pid, &status, 0) < 0, errno == EINTR {}
    self.process.forget()
    throw SystemError(doing: "run \"\(self.program)\"", code: code)
  }

  deinit {
    close(self.gate)
    close(self.report)
  }
}
