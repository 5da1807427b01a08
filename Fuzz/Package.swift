// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  // libFuzzer brings the main function.
  .unsafeFlags(["-parse-as-library"]),
]

/// One program for each thing that reads what others wrote.
///
/// What it reads is internal to the parent. From `Latchkey` and the ZooKeeper modules it is imported as tests do it (`@testable`),
/// which a debug build allows. The decoders of Redis's protocol and of gRPC, etcd's keys and the lines of histories are compiled
/// right into their fuzzers, through links to the parent's files: their modules would bring TLS and HTTP/2 with them, which take
/// several times as long to build as all of this.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency] = [], _ more: [SwiftSetting] = []) -> Target {
  .executableTarget(name: name, dependencies: ["FuzzSupport"] + dependencies, swiftSettings: settings + more)
}

let latchkey = Target.Dependency.product(name: "Latchkey", package: "latchkey")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "latchkey", path: "..", traits: ["ZooKeeper"]),
    .package(url: "https://github.com/apple/swift-nio", from: "2.100.0"),
  ],
  targets: [
    .target(name: "FuzzSupport", swiftSettings: settings),
    fuzzer("FuzzLockName", [latchkey]),
    fuzzer("FuzzLockURL", [latchkey]),
    fuzzer(
      "FuzzZooKeeperNames",
      [
        latchkey,
        .product(name: "LatchkeyZooKeeper", package: "latchkey"),
        .product(name: "ZooKeeper", package: "latchkey"),
      ]
    ),
    fuzzer("FuzzRESP", [nio]),
    fuzzer("FuzzEtcdKeys", [latchkey], [.define("Etcd")]),
    fuzzer("FuzzGRPC", [nio], [.define("Etcd")]),
  ]
)
