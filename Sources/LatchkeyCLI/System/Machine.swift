#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The machine that something was measured on; what cannot be found out is nil.
struct Machine: Codable, Hashable, Sendable {
  var processor: String?
  var cores: Int
  var memoryBytes: UInt64
  var system: String?
  var kernel: String?
  /// The load average of the last minute: what else kept the machine busy.
  var load: Double?
  var compiler: String
  var isOptimized: Bool
  /// When, in ISO 8601.
  var date: String

  /// Looks at this machine now.
  static func current() -> Machine {
    var name = utsname()
    let kernel = uname(&name) == 0 ? self.text(of: name.sysname) + " " + self.text(of: name.release) : nil
    var loads = [0.0]
    let hasLoad = getloadavg(&loads, 1) == 1
    var isOptimized = true
    // Evaluated in builds without optimisation alone.
    assert(
      {
        isOptimized = false; return true
      }()
    )
    return Machine(
      processor: self.field("model name", of: "/proc/cpuinfo", separator: ":"),
      cores: ProcessInfo.processInfo.activeProcessorCount,
      memoryBytes: ProcessInfo.processInfo.physicalMemory,
      system: self.field("PRETTY_NAME", of: "/etc/os-release", separator: "="),
      kernel: kernel,
      load: hasLoad ? loads[0] : nil,
      compiler: self.compilerVersion,
      isOptimized: isOptimized,
      date: Date.now.formatted(.iso8601)
    )
  }

  /// The machine in a line.
  var summary: String {
    let gibibytes = Double(self.memoryBytes) / 1_073_741_824
    return [
      self.processor, "\(self.cores) \(self.cores == 1 ? "core" : "cores")", "\(Figures.number(gibibytes)) GiB",
      self.system,
      self.kernel,
    ].compactMap { $0 }.joined(separator: ", ")
  }

  /// The program in a line.
  var build: String {
    "latchkey \(LatchkeyCommand.version), Swift \(self.compiler), \(self.isOptimized ? "release" : "DEBUG") build"
  }

  private static var compilerVersion: String {
    #if compiler(>=6.4)
    "6.4 or newer"
    #elseif compiler(>=6.3)
    "6.3"
    #else
    "6.2"
    #endif
  }

  /// The value of a line `key separator value`, without quotation marks.
  private static func field(_ key: String, of file: String, separator: Character) -> String? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: separator, maxSplits: 1)
      guard parts.count == 2, parts[0].filter({ $0 != "\t" && $0 != " " }) == key.filter({ $0 != " " }) else {
        continue
      }
      let value = parts[1].drop { $0 == " " || $0 == "\"" }
      return String(value.last == "\"" ? value.dropLast() : value)
    }
    return nil
  }

  private static func text<Characters>(of characters: Characters) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
