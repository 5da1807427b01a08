#if Etcd
import Foundation
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

/// Adds a learner to a server's cluster, as one does before it takes another member's place, and lends it.
func withLearner<R>(of server: EtcdServer, _ body: (EtcdServer) async throws -> sending R) async throws -> sending R {
  let listener = try await FaultProxy.start(to: server.port)
  let peerURL = "http://127.0.0.1:\(listener.port)"
  await listener.stop()
  // A cluster takes nobody before its members have known each other for some seconds.
  var answer = ""
  try await eventuallyTrue(within: .seconds(30)) {
    let command = try Etcdctl(
      ["member", "add", "learner", "--learner", "--peer-urls=\(peerURL)"],
      endpoint: server.endpoint
    )
    try await eventuallyTrue(within: .seconds(20)) { !command.isRunning }
    answer = try command.output
    try await command.interrupt()
    return answer.contains("added")
  }
  let mark = "ETCD_INITIAL_CLUSTER=\""
  let line = answer.split(separator: "\n").first { $0.hasPrefix(mark) }
  let members = try #require(line).dropFirst(mark.count).dropLast()
  let configuration = EtcdConfiguration {
    // Of options that are given twice, the last counts.
    $0.options = [
      "--name=learner", "--listen-peer-urls=\(peerURL)", "--initial-advertise-peer-urls=\(peerURL)",
      "--initial-cluster=\(members)", "--initial-cluster-state=existing",
    ]
  }
  return try await withEtcd(configuration, body)
}
#endif
