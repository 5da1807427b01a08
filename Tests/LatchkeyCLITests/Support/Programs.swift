import LatchkeyProcesses

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Runs a program to its end.
///
/// - Returns: What it printed on standard output and error, and how it ended.
func run(
  _ arguments: [String],
  settings: [String: String?] = [:]
) async throws -> (lines: [String], status: ChildProcess.Change) {
  let output = try Pipe()
  // The completion of words may ask the command itself.
  let folder = Latchkey.path.prefix(upTo: Latchkey.path.lastIndex(of: "/") ?? Latchkey.path.startIndex)
  let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
  let process = try ChildProcess.spawn(
    arguments,
    settings: settings.merging(["PATH": "\(folder):\(path)"]) { old, _ in old },
    output: output.writing,
    errors: output.writing
  )
  close(output.writing)
  var lines: [String] = []
  for await line in Descriptors.lines(of: output.reading) { lines.append(line) }
  close(output.reading)
  return (lines, await process.wait())
}

/// Writes a small file.
func write(_ text: String, to path: String) throws {
  let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
  guard file >= 0 else { throw SystemError(doing: "write \(path)") }
  defer { close(file) }
  guard Descriptors.write(text, to: file) == 0 else { throw SystemError(doing: "write \(path)") }
}
