#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The handshake with the driver, and the line of JSON.
struct Report {
  private let startCPU: Double

  /// Tells the driver that the timed part begins, and waits for its go.
  init() {
    if getenv("BENCH_SYNC") != nil {
      print("BEGIN")
      fflush(nil)
      _ = readLine()
    }
    self.startCPU = Self.cpuSeconds()
  }

  func write(_ arguments: Arguments, workers: [Samples], operations: [Int], violations: Int, seconds: Double) {
    let cpu = Self.cpuSeconds() - self.startCPU
    let total = operations.reduce(0, +)
    let whole = workers.flatMap(\.whole)
    let acquire = workers.flatMap(\.acquire)
    let fields: [(String, String)] = [
      ("peer", "\"\(arguments.peer)\""), ("workload", "\"\(arguments.workload)\""),
      ("sessions", "\"\(arguments.text("sessions", "shared"))\""), ("ops", "\(total)"), ("secs", "\(seconds)"),
      ("rate", "\(Double(total) / seconds)"), ("p50_us", "\(Samples.percentile(whole, 0.5))"),
      ("p99_us", "\(Samples.percentile(whole, 0.99))"), ("acq_p50_us", "\(Samples.percentile(acquire, 0.5))"),
      ("acq_p99_us", "\(Samples.percentile(acquire, 0.99))"), ("min", "\(operations.min() ?? 0)"),
      ("max", "\(operations.max() ?? 0)"), ("violations", "\(violations)"),
      ("cpu_us", "\(cpu * 1e6 / Double(max(total, 1)))"), ("resident_kib", "\(Self.residentKiB())"),
      ("threads", "\(Self.threads())"),
    ]
    print("{" + fields.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}")
    fflush(nil)
  }

  private static func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6
  }

  static func residentKiB() -> Int { Self.status("VmRSS:") }

  static func threads() -> Int { Self.status("Threads:") }

  /// A number from the kernel's account of this process; 0 where there is none.
  private static func status(_ key: String) -> Int {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix(key) { return text.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0 }
    }
    return 0
  }
}
