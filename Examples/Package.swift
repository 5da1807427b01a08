// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
  name: "examples",
  platforms: [.macOS(.v15)],
  dependencies: [
    // Only what the service uses: the other backends are neither resolved nor compiled.
    .package(name: "latchkey", path: "..", traits: ["ZooKeeper"]),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // Several instances number invoices in one ledger, without gaps, under a lock on ZooKeeper.
    .executableTarget(
      name: "InvoiceService",
      dependencies: [
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Latchkey", package: "latchkey"),
        .product(name: "LatchkeyConfiguration", package: "latchkey"),
        .product(name: "LatchkeyZooKeeper", package: "latchkey"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "ZooKeeper", package: "latchkey"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "InvoiceServiceTests",
      dependencies: [
        "InvoiceService",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Latchkey", package: "latchkey"),
        .product(name: "LatchkeyTesting", package: "latchkey"),
      ],
      swiftSettings: settings
    ),
  ]
)
