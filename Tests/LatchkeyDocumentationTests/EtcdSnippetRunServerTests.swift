#if Etcd
import Latchkey
import LatchkeyEtcd
import LatchkeyTesting
import Testing

@Suite("Code of the article on etcd, run on a real server", .timeLimit(.minutes(2)))
struct EtcdSnippetRunServerTests {
  @Test("a lock and an election")
  func run() async throws {
    try await withEtcd { server in
      #expect(try await OnEtcd.configured([server.endpoint]) != nil)
      try await EtcdClient.withClient(EtcdClient.Configuration(endpoints: [server.endpoint])) { client in
        let leader = try await OnEtcd.election(client)
        #expect(leader?.value == "node-7")
      }
    }
  }
}
#endif
