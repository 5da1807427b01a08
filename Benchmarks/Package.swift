// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
  name: "benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "latchkey", path: ".."),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
  ],
  targets: [
    // A peer of the lock comparison: one workload, one JSON line.
    // What a lock protects, and the random numbers, are those of `latchkey bench`, through links to the parent's files.
    .executableTarget(
      name: "LockBenchmark",
      dependencies: [
        .product(name: "Latchkey", package: "latchkey"),
        .product(name: "LatchkeyEtcd", package: "latchkey"),
        .product(name: "LatchkeyRedis", package: "latchkey"),
        .product(name: "LatchkeyZooKeeper", package: "latchkey"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ZooKeeper", package: "latchkey"),
      ],
      swiftSettings: settings
    ),
    // The in-process locks, without servers.
    .executableTarget(
      name: "MutexBenchmark",
      dependencies: [.product(name: "Latchkey", package: "latchkey")],
      swiftSettings: settings
    ),
  ]
)
