import Latchkey

/// Measures the in-process mutex without contention: medians of many short runs, in nanoseconds per operation.
@main
struct Main {
  static let operations = 100_000
  static let runs = 51

  static func main() async throws {
    // Off the main actor, like the code of a service.
    try await Task.detached { try await Self.measureAll() }.value
  }

  private static func measureAll() async throws {
    let mutex = LocalMutex("benchmark")
    var counter = 0
    let pair = try await Self.median {
      for _ in 0..<Self.operations {
        let lease = try await mutex.acquire(within: nil)
        try await lease.release()
      }
    }
    let tryPair = try await Self.median {
      for _ in 0..<Self.operations {
        if let lease = try await mutex.tryAcquire() { try await lease.release() }
      }
    }
    let body = try await Self.median {
      for _ in 0..<Self.operations {
        try await mutex.withLock { _ in counter += 1 }
      }
    }
    precondition(counter == Self.operations * Self.runs)
    print("acquire + release      \(Self.text(pair)) ns")
    print("tryAcquire + release   \(Self.text(tryPair)) ns")
    print("withLock               \(Self.text(body)) ns")
  }

  private static func median(_ body: () async throws -> Void) async throws -> Double {
    var samples: [Double] = []
    for _ in 0..<Self.runs {
      let elapsed = try await ContinuousClock().measure { try await body() }
      samples.append(Double(elapsed.components.seconds) * 1e9 + Double(elapsed.components.attoseconds) / 1e9)
    }
    return samples.sorted()[samples.count / 2] / Double(Self.operations)
  }

  private static func text(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}
