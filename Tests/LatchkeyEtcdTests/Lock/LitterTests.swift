#if Etcd
import Latchkey
import LatchkeyTestSupport
import Testing

@testable import LatchkeyEtcd

@Suite("What the queue of an etcd lock leaves behind")
struct LitterTests {
  private static let node = KeyQueueNode(key: [1], slot: 0, revision: KeyQueueNode.anyRevision, session: 1)

  private static let failure = LockFailure(LockError(.backendFailure, name: .modelled, message: "no"))

  private static func machine(sweeps: Int = 3) -> KeyQueue {
    var machine = KeyQueue(session: 1, sweeps: sweeps)
    machine.demand = Demand(waits: true)
    _ = machine.demandChanged(true)
    machine.demand = Demand()
    _ = machine.demandChanged(true)
    return machine
  }

  private static func answer(
    _ machine: inout KeyQueue,
    _ result: Result<KeyQueueEntry, KeyQueueFailure>,
    copies: Int = 0
  ) -> [KeyQueueAction] {
    machine.handle(.entered(attempt: 1, result, node: self.node, copies: copies), true)
  }

  private static func sweep(_ machine: inout KeyQueue, finds: Bool) {
    #expect(machine.handle(.recheck, true) == [.send(.delete(self.node))])
    _ = machine.handle(.deleted(self.node, isGone: true, wasThere: finds), true)
  }

  @Test("is in doubt until as many sweeps were in vain as prove that no copy is on its way")
  func vainSweeps() {
    var machine = Self.machine()
    #expect(Self.answer(&machine, .success(.busy(KeyQueueView())), copies: 1).isEmpty)
    for _ in 0..<3 {
      #expect(!machine.isIdle && machine.litter.freeSlot == 1)
      Self.sweep(&machine, finds: false)
    }
    #expect(machine.isIdle && machine.litter.freeSlot == 0)
  }

  @Test("is in doubt until as many copies were found as were sent")
  func foundCopies() {
    var machine = Self.machine()
    _ = Self.answer(&machine, .success(.busy(KeyQueueView())), copies: 2)
    Self.sweep(&machine, finds: true)
    Self.sweep(&machine, finds: false)
    #expect(!machine.isIdle)
    Self.sweep(&machine, finds: true)
    #expect(machine.isIdle)
  }

  @Test("is deleted after an error answer, unless that proves that nothing was written")
  func errorAnswer() {
    var failed = Self.machine()
    #expect(Self.answer(&failed, .failure(.failed(Self.failure))) == [.send(.delete(Self.node))])
    var rejected = Self.machine()
    #expect(Self.answer(&rejected, .failure(.rejected(Self.failure))).isEmpty)
    #expect(rejected.isIdle)
    // The same if somebody waits.
    var waiting = KeyQueue(session: 1)
    waiting.demand = Demand(waits: true)
    _ = waiting.demandChanged(true)
    #expect(Self.answer(&waiting, .failure(.failed(Self.failure))) == [.send(.delete(Self.node)), .fail(Self.failure)])
  }

  @Test("is deleted again and again if the servers refuse it")
  func refusedDelete() {
    var machine = Self.machine(sweeps: 1)
    _ = Self.answer(&machine, .failure(.failed(Self.failure)))
    _ = machine.handle(.deleted(Self.node, isGone: false, wasThere: false), true)
    for _ in 0..<3 {
      #expect(machine.handle(.recheck, true) == [.send(.delete(Self.node))])
      _ = machine.handle(.deleted(Self.node, isGone: false, wasThere: false), true)
    }
    Self.sweep(&machine, finds: true)
    #expect(machine.isIdle)
  }

  @Test("errors are told apart by what they prove")
  func errors() throws {
    let endpoint = try #require(EtcdEndpoint("localhost:2379"))
    let error = { (code: CallStatus.Code, text: String) in EtcdError(CallStatus(code, text), endpoint: endpoint) }
    #expect(error(.invalidArgument, "etcdserver: request is too large").provesRejection)
    #expect(error(.permissionDenied, "etcdserver: permission denied").provesRejection)
    let full = error(.resourceExhausted, "etcdserver: mvcc: database space exceeded")
    #expect(full.isTransient && !full.provesRejection && !full.isInDoubt)
    let busy = error(.resourceExhausted, "etcdserver: too many requests")
    #expect(busy.isTransient && busy.provesRejection && !busy.isInDoubt)
    #expect(!error(.resourceExhausted, "grpc: received message larger than max").isTransient)
    #expect(!error(.failedPrecondition, "etcdserver: something").provesRejection)
  }
}
#endif
