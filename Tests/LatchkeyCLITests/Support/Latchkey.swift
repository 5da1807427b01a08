import Latchkey
import LatchkeyPrimitives
import LatchkeyProcesses
import LatchkeyTesting

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The real command, as a script would call it.
struct Latchkey: Sendable {
  /// What became of a call.
  struct Outcome: Sendable {
    let end: ChildProcess.Change
    let output: [String]
    let errors: [String]

    /// As a shell would show it.
    var status: Int32 { self.end.status ?? -1 }

    var errorText: String { self.errors.joined(separator: "\n") }

    /// The one object that `--json` prints.
    func report() throws -> WorkloadReport {
      guard self.output.count == 1 else { throw CommandFailure(.failed, "no single line of output: \(self.output)") }
      return try JSON.decode(WorkloadReport.self, from: self.output[0])
    }
  }

  let process: ChildProcess
  let outputLines: AsyncStream<String>
  /// What is written here becomes the command's standard input; close it when done.
  let input: Int32
  private let errors: Task<Void, Never>
  private let errorLines = SharedLines()
  private let descriptors: [Int32]

  /// Starts the command.
  ///
  /// - Parameters:
  ///   - arguments: Its arguments.
  ///   - settings: Environment variables to set or, where nil, to remove.
  ///   - onTerminal: Whether it sits on a terminal: what is written to its input is typed, and it says everything there.
  init(_ arguments: [String], settings: [String: String?] = [:], onTerminal: Bool = false) throws {
    Self.heedSignals
    let (input, output, errors) = (try Pipe(), try Pipe(), try Pipe())
    self.process = try ChildProcess.spawn(
      onTerminal ? Self.onTerminal([Self.path] + arguments) : [Self.path] + arguments,
      settings: settings,
      input: input.reading,
      output: output.writing,
      errors: errors.writing,
      group: .own
    )
    for end in [input.reading, output.writing, errors.writing] { close(end) }
    self.input = input.writing
    self.outputLines = Descriptors.lines(of: output.reading)
    let (heard, lines) = (self.errorLines, Descriptors.lines(of: errors.reading))
    self.errors = Task {
      for await line in lines { heard.lines.withLock { $0.append(line) } }
    }
    self.descriptors = [output.reading, errors.reading]
  }

  /// Makes sure that the command can be interrupted: a shell ignores these signals for what it runs in the background, and a
  /// command rightly ignores what was ignored when it was started.
  private static let heedSignals: Void = {
    for number in [SIGINT, SIGQUIT, SIGHUP] { signal(number, SIG_DFL) }
  }()

  /// The command on a terminal of its own, with its status as that of the whole.
  private static func onTerminal(_ arguments: [String]) -> [String] {
    let command = arguments.map { "'\($0)'" }.joined(separator: " ")
    return ["script", "--quiet", "--return", "--command", command, "/dev/null"]
  }

  /// Calls the command and waits for its end.
  static func call(_ arguments: String..., settings: [String: String?] = [:]) async throws -> Outcome {
    try await Latchkey(arguments, settings: settings).outcome()
  }

  /// What it has said on standard error so far.
  var errorsSoFar: [String] { self.errorLines.lines.withLock { $0 } }

  /// Waits for the end.
  ///
  /// - Parameter closingInput: Whether the command's standard input ends now, and not with the command.
  func outcome(closingInput: Bool = true) async -> Outcome {
    if closingInput { close(self.input) }
    var output: [String] = []
    for await line in self.outputLines { output.append(line) }
    await self.errors.value
    let change = await self.process.wait()
    if !closingInput { close(self.input) }
    for descriptor in self.descriptors { close(descriptor) }
    return Outcome(end: change, output: output, errors: self.errorsSoFar)
  }

  /// Next to the test bundle, where the build puts all products.
  static let path: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let runner = String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return runner[..<(runner.lastIndex(of: "/") ?? runner.startIndex)] + "/latchkey"
  }()
}

/// Lines that one task writes and another reads.
private final class SharedLines: Sendable {
  let lines = Locked<[String]>([])
}

/// The processes that a process has started.
func children(of parent: Int32) -> [Int32] { ProcessTable.all.filter { $0.parent == parent }.map(\.pid) }

/// Whether a process takes part in a contention.
func hasMappedBoard(_ pid: Int32) -> Bool {
  (contents(of: "/proc/\(pid)/maps") ?? "").contains("/board")
}

/// The text of a small file; nil if it is not there.
func contents(of path: String) -> String? {
  (try? FileText.bytes(path, upTo: 1 << 24)).map { String(decoding: $0, as: UTF8.self) }
}

/// The names in a folder.
func entries(of path: String) -> [String] { Folder.entries(of: path) }
