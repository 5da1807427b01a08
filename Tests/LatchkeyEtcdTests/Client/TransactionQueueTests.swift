#if Etcd
import EtcdAPI
import Latchkey
import LatchkeyNetwork
import LatchkeyTestSupport
import LatchkeyTesting
import NIOPosix
import Testing

@testable import LatchkeyEtcd

/// The servers' side of a queue of transactions: requests wait until the test answers them.
private final class Servers: Sendable {
  typealias Answer = Result<EtcdTxnResponse, EtcdError>

  private struct State {
    var requests: [EtcdTxnRequest] = []
    var continuations: [Int: CheckedContinuation<Answer, Never>] = [:]
  }

  private let state = Shared(State())

  func call(_ request: EtcdTxnRequest) async throws(EtcdError) -> EtcdTxnResponse {
    let answer: Answer = await withCheckedContinuation { continuation in
      self.state.change { state in
        state.requests.append(request)
        state.continuations[state.requests.count - 1] = continuation
      }
    }
    return try answer.get()
  }

  /// The n-th request, counted from 0, once it is there.
  func request(_ index: Int) async throws -> EtcdTxnRequest {
    try await eventuallyTrue(within: .seconds(10)) { self.state.value.continuations[index] != nil }
    return self.state.value.requests[index]
  }

  var count: Int { self.state.value.requests.count }

  func answer(_ index: Int, _ error: EtcdError? = nil) async throws {
    let request = try await self.request(index)
    let continuation = try #require(self.state.value.continuations[index])
    self.state.change { $0.continuations[index] = nil }
    if let error { return continuation.resume(returning: .failure(error)) }
    var response = EtcdTxnResponse()
    response.succeeded = true
    response.responses = request.success.map { _ in EtcdResponseOp() }
    continuation.resume(returning: .success(response))
  }
}

@Suite("The queue of transactions", .timeLimit(.minutes(1)))
struct TransactionQueueTests {
  private let servers = Servers()
  private let replies = Shared<[String: TransactionQueue.Reply]>([:])
  private let delayed = Shared<[String]>([])
  private static let lost = EtcdError(.timedOut, "no answer")
  private static var unsent: EtcdError {
    var error = EtcdError(.unreachable, "no member can be reached")
    error.isUnsent = true
    return error
  }
  private static let full = refusal("etcdserver: mvcc: database space exceeded")

  /// What servers refuse because of their present state.
  static let passing = ["etcdserver: mvcc: database space exceeded", "etcdserver: too many requests"]

  private static func refusal(_ text: String) -> EtcdError {
    guard let endpoint = EtcdEndpoint("localhost:2379") else { preconditionFailure("an endpoint as it must be") }
    return EtcdError(CallStatus(.resourceExhausted, text), endpoint: endpoint)
  }

  private func queue(hasIdentity: Bool = false) -> TransactionQueue {
    let executor = LoopExecutor(MultiThreadedEventLoopGroup.singleton.next())
    return TransactionQueue(executor: executor, hasIdentity: hasIdentity) { [servers] request throws(EtcdError) in
      try await servers.call(request)
    }
  }

  private func entry(
    _ name: String,
    _ kind: TransactionKind = .creates,
    session: UInt64 = 1,
    isWanted: Shared<Bool> = Shared(true)
  ) -> TransactionQueue.Entry {
    let request = EtcdTxnRequest(then: [.delete(Array(name.utf8))])
    var entry = TransactionQueue.Entry(request, kind, below: Array("\(name)/".utf8), session: session) {
      [replies] reply in
      replies.change { $0["\(kind) \(name)"] = reply }
    }
    entry.onDelay = { [delayed] in delayed.change { $0.append("\(kind) \(name)") } }
    entry.isWanted = { isWanted.value }
    return entry
  }

  private func reply(_ what: String) async throws -> TransactionQueue.Reply {
    try await eventuallyTrue(within: .seconds(10)) { self.replies.value[what] != nil }
    return try #require(self.replies.value[what])
  }

  @Test("collects what is submitted while a request is on its way, and says who shares it with deletes")
  func collects() async throws {
    let queue = self.queue()
    queue.submit([self.entry("first")])
    _ = try await self.servers.request(0)
    queue.submit([self.entry("a"), self.entry("b"), self.entry("a", .deletes)])
    #expect(queue.waitingCount == 3)
    try await self.servers.answer(0)
    #expect(try await self.servers.request(1).success.count == 3)
    try await self.servers.answer(1)
    #expect(try await self.reply("creates a").isSharedWithDeletes)
    #expect(try await self.reply("creates a").date(7) == 6)
    #expect(try await !self.reply("creates b").isSharedWithDeletes)
    #expect(try await !self.reply("deletes a").isSharedWithDeletes)
    #expect(try await self.reply("creates first").date(7) == 7)
  }

  @Test("sends again what got no answer, and counts the copies that may still be carried out")
  func copies() async throws {
    let queue = self.queue()
    queue.submit([self.entry("a")])
    try await self.servers.answer(0, Self.lost)
    try await self.servers.answer(1, Self.unsent)
    try await self.servers.answer(2, Self.lost)
    #expect(queue.isStalled)
    try await self.servers.answer(3)
    #expect(try await self.reply("creates a").copies == 2)
    #expect(!queue.isStalled)
    #expect(self.delayed.value == ["creates a"])
  }

  @Test("counts no copy of what never left the process, and drops it when it is no longer wanted")
  func unsent() async throws {
    let queue = self.queue()
    let isWanted = Shared(true)
    queue.submit([self.entry("a"), self.entry("b", isWanted: isWanted)])
    // The first flight takes both, since they were submitted together.
    _ = try await self.servers.request(0)
    isWanted.change { $0 = false }
    try await self.servers.answer(0, Self.unsent)
    let dropped = try await self.reply("creates b")
    #expect(dropped.copies == 0)
    #expect(throws: Self.unsent) { try dropped.result.get() }
    try await self.servers.answer(1)
    #expect(try await self.reply("creates a").copies == 0)
  }

  @Test(
    "sends what is refused for now again after a pause, without holding up others; no copy is left of it",
    arguments: passing
  )
  func transient(text: String) async throws {
    let refusal = Self.refusal(text)
    let queue = self.queue()
    queue.submit([self.entry("a")])
    _ = try await self.servers.request(0)
    queue.submit([self.entry("b")])
    try await self.servers.answer(0, refusal)
    try await self.servers.answer(1)
    #expect(try await self.reply("creates b").copies == 0)
    #expect(queue.trouble == nil)
    try await self.servers.answer(2, refusal)
    try await self.servers.answer(3)
    let reply = try await self.reply("creates a")
    #expect(reply.copies == 0)
    #expect((try? reply.result.get()) != nil)
    #expect(self.delayed.value == ["creates a"])
  }

  @Test("sends deletes at once that were refused together with entries: servers without space carry them out")
  func fullServers() async throws {
    let queue = self.queue()
    queue.submit([self.entry("first")])
    _ = try await self.servers.request(0)
    queue.submit([self.entry("a"), self.entry("b", .deletes)])
    try await self.servers.answer(0)
    try await self.servers.answer(1, Self.full)
    #expect(try await self.servers.request(2).success == [.delete(Array("b".utf8))])
    try await self.servers.answer(2)
    #expect(try await self.reply("deletes b").copies == 0)
    try await self.servers.answer(3)
    _ = try await self.reply("creates a")
  }

  @Test("gives up what is refused for now when it is no longer wanted, and says why", arguments: passing)
  func unwanted(text: String) async throws {
    let refusal = Self.refusal(text)
    let queue = self.queue()
    let isWanted = Shared(true)
    queue.submit([self.entry("a", isWanted: isWanted)])
    _ = try await self.servers.request(0)
    isWanted.change { $0 = false }
    try await self.servers.answer(0, refusal)
    let reply = try await self.reply("creates a")
    #expect(throws: refusal) { try reply.result.get() }
    #expect(queue.trouble == refusal)
    #expect(LockError("a", refusal).code == .unreachable)
  }

  @Test("sends each by itself what is refused together, and fails the one at fault")
  func atFault() async throws {
    let queue = self.queue()
    queue.submit([self.entry("first")])
    _ = try await self.servers.request(0)
    queue.submit([self.entry("a"), self.entry("b")])
    try await self.servers.answer(0)
    let refusal = EtcdError(.refused, "no")
    try await self.servers.answer(1, refusal)
    try await self.servers.answer(2, refusal)
    try await self.servers.answer(3)
    let reply = try await self.reply("creates a")
    #expect(throws: refusal) { try reply.result.get() }
    #expect((try? await self.reply("creates b").result.get()) != nil)
  }

  @Test("with an identity, sends each by itself, those of different locks side by side and those of one in their order")
  func identity() async throws {
    let queue = self.queue(hasIdentity: true)
    queue.submit([self.entry("a"), self.entry("a", .deletes), self.entry("b"), self.entry("a/nested", .reads)])
    _ = try await self.servers.request(1)
    #expect(queue.waitingCount == 2)
    try await self.servers.answer(1)
    _ = try await self.reply("creates b")
    #expect(self.servers.count == 2)
    try await self.servers.answer(0)
    #expect(try await self.servers.request(2).success == [.delete(Array("a".utf8))])
    try await self.servers.answer(2)
    #expect(try await self.servers.request(3).success == [.delete(Array("a/nested".utf8))])
    try await self.servers.answer(3)
  }

  @Test("answers what waits for a session that is over, whether it pauses or not, and takes no more for it")
  func endedSession() async throws {
    let queue = self.queue()
    queue.submit([self.entry("a", session: 3)])
    _ = try await self.servers.request(0)
    queue.submit([self.entry("first", session: 4)])
    try await self.servers.answer(0, Self.full)
    _ = try await self.servers.request(1)
    queue.submit([self.entry("b", session: 3), self.entry("c", session: 4)])
    queue.endSession(3)
    queue.submit([self.entry("d", session: 2)])
    for name in ["a", "b", "d"] {
      let reply = try await self.reply("creates \(name)")
      #expect(throws: EtcdError.sessionOver) { try reply.result.get() }
    }
    #expect(self.replies.value["creates c"] == nil)
    queue.close()
    let reply = try await self.reply("creates c")
    #expect(throws: EtcdError.closed) { try reply.result.get() }
    try await self.servers.answer(1, Self.lost)
    _ = try await self.reply("creates first")
  }
}
#endif
