// swift-tools-version: 6.2
import PackageDescription

/// Every target is built with the same strictness, so that code can move between modules unchanged.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
]

/// Explorations visit millions of states: built for speed even where everything else is built to be debugged. These flags are
/// kept from whoever depends on a product, so no product may contain such a target.
let exploring: [SwiftSetting] = settings + [.unsafeFlags(["-O"], .when(configuration: .debug))]

let package = Package(
  name: "latchkey",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Latchkey", targets: ["Latchkey"]),
    .library(name: "ZooKeeper", targets: ["ZooKeeper"]),
    .library(name: "LatchkeyZooKeeper", targets: ["LatchkeyZooKeeper"]),
    .library(name: "LatchkeyRedis", targets: ["LatchkeyRedis"]),
    .library(name: "LatchkeyEtcd", targets: ["LatchkeyEtcd"]),
    .library(name: "LatchkeyLifecycle", targets: ["LatchkeyLifecycle"]),
    .library(name: "LatchkeyConfiguration", targets: ["LatchkeyConfiguration"]),
    .library(name: "LatchkeyTesting", targets: ["LatchkeyTesting"]),
    .executable(name: "latchkey", targets: ["LatchkeyCLI"]),
  ],
  traits: [
    .trait(
      name: "ZooKeeper",
      description:
        "The ZooKeeper backend of the `latchkey` command and of LatchkeyConfiguration; needs libzookeeper_mt."
    ),
    .trait(
      name: "Redis",
      description: "The Redis and Redlock backends of the `latchkey` command and of LatchkeyConfiguration."
    ),
    .trait(name: "Etcd", description: "The etcd backend; without it Protobuf and HTTP/2 are not even resolved."),
    .default(enabledTraits: ["ZooKeeper", "Redis", "Etcd"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
  ],
  targets: [
    .target(
      name: "CZooKeeper",
      path: "CZooKeeper",
      publicHeadersPath: "include",
      linkerSettings: [.linkedLibrary("zookeeper_mt")]
    ),
    .target(name: "LatchkeyPrimitives", swiftSettings: settings),
    .target(
      name: "Latchkey",
      dependencies: [
        "LatchkeyPrimitives",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "ZooKeeper",
      dependencies: [
        "CZooKeeper",
        "LatchkeyPrimitives",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "LatchkeyZooKeeper",
      dependencies: ["Latchkey", "LatchkeyPrimitives", "ZooKeeper", .product(name: "Logging", package: "swift-log")],
      swiftSettings: settings
    ),
    .target(
      name: "LatchkeyLifecycle",
      dependencies: [
        "Latchkey",
        "LatchkeyPrimitives",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "LatchkeyNetwork",
      dependencies: [
        "LatchkeyPrimitives",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "LatchkeyRedis",
      dependencies: [
        "Latchkey",
        "LatchkeyNetwork",
        "LatchkeyPrimitives",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "EtcdAPI",
      dependencies: [
        .product(name: "SwiftProtobuf", package: "swift-protobuf", condition: .when(traits: ["Etcd"]))
      ],
      exclude: ["etcd.proto"]
    ),
    .target(
      name: "LatchkeyEtcd",
      dependencies: [
        "EtcdAPI",
        "Latchkey",
        "LatchkeyNetwork",
        "LatchkeyPrimitives",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHPACK", package: "swift-nio-http2", condition: .when(traits: ["Etcd"])),
        .product(name: "NIOHTTP2", package: "swift-nio-http2", condition: .when(traits: ["Etcd"])),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf", condition: .when(traits: ["Etcd"])),
      ],
      swiftSettings: settings
    ),
    .target(
      name: "LatchkeyConfiguration",
      dependencies: [
        "Latchkey",
        .target(name: "LatchkeyEtcd", condition: .when(traits: ["Etcd"])),
        .target(name: "LatchkeyRedis", condition: .when(traits: ["Redis"])),
        .target(name: "LatchkeyZooKeeper", condition: .when(traits: ["ZooKeeper"])),
        .target(name: "ZooKeeper", condition: .when(traits: ["ZooKeeper"])),
        .product(name: "Configuration", package: "swift-configuration"),
      ],
      swiftSettings: settings
    ),
    .target(name: "CProcess"),
    // How the command and throw-away servers start processes.
    .target(name: "LatchkeyProcesses", dependencies: ["CProcess", "LatchkeyPrimitives"], swiftSettings: settings),
    .target(
      name: "LatchkeyTesting",
      dependencies: [
        "Latchkey",
        "LatchkeyPrimitives",
        "LatchkeyProcesses",
        .target(name: "LatchkeyRedis", condition: .when(traits: ["Redis"])),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHPACK", package: "swift-nio-http2", condition: .when(traits: ["Etcd"])),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      swiftSettings: settings
    ),
    .executableTarget(
      name: "LatchkeyCLI",
      dependencies: [
        "Latchkey",
        "LatchkeyNetwork",
        "LatchkeyPrimitives",
        "LatchkeyProcesses",
        "LatchkeyTesting",
        .target(name: "LatchkeyZooKeeper", condition: .when(traits: ["ZooKeeper"])),
        .target(name: "ZooKeeper", condition: .when(traits: ["ZooKeeper"])),
        .target(name: "LatchkeyRedis", condition: .when(traits: ["Redis"])),
        .target(name: "LatchkeyEtcd", condition: .when(traits: ["Etcd"])),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings
    ),
    // The explorer of state machines, for the tests alone.
    .target(
      name: "LatchkeyExplorer",
      dependencies: ["LatchkeyTesting"],
      path: "Tests/LatchkeyExplorer",
      swiftSettings: exploring
    ),
    // What several test targets need.
    .target(
      name: "LatchkeyTestSupport",
      dependencies: [
        "Latchkey", "LatchkeyPrimitives", "LatchkeyProcesses", "LatchkeyTesting",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      path: "Tests/LatchkeyTestSupport",
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyTests",
      dependencies: [
        "Latchkey", "LatchkeyPrimitives", "LatchkeyTestSupport", "LatchkeyTesting",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyLifecycleTests",
      dependencies: [
        "Latchkey", "LatchkeyExplorer", "LatchkeyLifecycle", "LatchkeyPrimitives", "LatchkeyTestSupport",
        "LatchkeyTesting",
        .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyTestingTests",
      dependencies: ["Latchkey", "LatchkeyExplorer", "LatchkeyPrimitives", "LatchkeyTestSupport", "LatchkeyTesting"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "ZooKeeperExplorationTests",
      dependencies: ["LatchkeyExplorer", "LatchkeyTestSupport", "LatchkeyTesting", "ZooKeeper"],
      swiftSettings: exploring
    ),
    .testTarget(
      name: "ZooKeeperTests",
      dependencies: [
        "CZooKeeper", "LatchkeyPrimitives", "LatchkeyTestSupport", "LatchkeyTesting", "ZooKeeper",
        .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyZooKeeperExplorationTests",
      dependencies: [
        "Latchkey", "LatchkeyExplorer", "LatchkeyZooKeeper", "LatchkeyTestSupport", "LatchkeyTesting", "ZooKeeper",
      ],
      swiftSettings: exploring
    ),
    .testTarget(
      name: "LatchkeyZooKeeperTests",
      dependencies: [
        "Latchkey", "LatchkeyLifecycle", "LatchkeyPrimitives", "LatchkeyTestSupport", "LatchkeyTesting",
        "LatchkeyZooKeeper", "ZooKeeper",
        .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ],
      exclude: ["Contenders"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyRedisExplorationTests",
      dependencies: ["Latchkey", "LatchkeyExplorer", "LatchkeyRedis", "LatchkeyTestSupport", "LatchkeyTesting"],
      swiftSettings: exploring
    ),
    .testTarget(
      name: "LatchkeyRedisTests",
      dependencies: [
        "Latchkey", "LatchkeyNetwork", "LatchkeyPrimitives", "LatchkeyRedis", "LatchkeyTestSupport",
        "LatchkeyTesting",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOTestUtils", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "Tracing", package: "swift-distributed-tracing"),
      ],
      exclude: ["Contenders"],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyConfigurationTests",
      dependencies: [
        "Latchkey", "LatchkeyConfiguration", "LatchkeyEtcd", "LatchkeyPrimitives", "LatchkeyRedis", "LatchkeyZooKeeper",
        "ZooKeeper",
        .product(name: "Configuration", package: "swift-configuration"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyEtcdExplorationTests",
      dependencies: ["Latchkey", "LatchkeyExplorer", "LatchkeyEtcd", "LatchkeyTestSupport", "LatchkeyTesting"],
      swiftSettings: exploring
    ),
    .testTarget(
      name: "LatchkeyEtcdTests",
      dependencies: [
        "EtcdAPI", "Latchkey", "LatchkeyEtcd", "LatchkeyNetwork", "LatchkeyPrimitives",
        "LatchkeyTestSupport", "LatchkeyTesting",
        .product(name: "InMemoryLogging", package: "swift-log"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Subprocess", package: "swift-subprocess"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyDocumentationTests",
      dependencies: [
        "Latchkey", "LatchkeyEtcd", "LatchkeyExplorer", "LatchkeyLifecycle", "LatchkeyPrimitives", "LatchkeyRedis",
        "LatchkeyTesting", "LatchkeyZooKeeper", "ZooKeeper",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ],
      swiftSettings: settings
    ),
    .testTarget(
      name: "LatchkeyCLITests",
      dependencies: [
        "LatchkeyCLI", "Latchkey", "LatchkeyPrimitives", "LatchkeyProcesses", "LatchkeyTestSupport", "LatchkeyTesting",
        .target(name: "LatchkeyEtcd", condition: .when(traits: ["Etcd"])),
        .target(name: "LatchkeyRedis", condition: .when(traits: ["Redis"])),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: settings
    ),
  ]
)
