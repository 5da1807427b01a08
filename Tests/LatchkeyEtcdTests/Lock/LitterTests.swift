#if Etcd
import Testing

@testable import LatchkeyEtcd

@Suite("What the queue of an etcd lock leaves behind")
struct LitterTests {
  private static let node = QueueNode(key: [1], slot: 0, revision: QueueNode.anyRevision, session: 1)

  private static func machine(sweeps: Int = 3) -> QueueMachine {
    var machine = QueueMachine(session: 1, sweeps: sweeps)
    _ = machine.handle(.joined(patient: true), termIsLive: true)
    _ = machine.handle(.left(patient: true), termIsLive: true)
    return machine
  }

  private static func answer(
    _ machine: inout QueueMachine,
    _ result: Result<QueueEntry, QueueFailure>,
    copies: Int = 0
  ) -> [QueueAction] {
    machine.handle(.entered(attempt: 1, result, node: self.node, copies: copies), termIsLive: true)
  }

  private static func sweep(_ machine: inout QueueMachine, finds: Bool) {
    #expect(machine.handle(.recheck, termIsLive: true) == [.delete(self.node)])
    _ = machine.handle(.deleted(self.node, isGone: true, wasThere: finds), termIsLive: true)
  }

  @Test("is in doubt until as many sweeps were in vain as prove that no copy is on its way")
  func vainSweeps() {
    var machine = Self.machine()
    #expect(Self.answer(&machine, .success(.busy(QueueView())), copies: 1).isEmpty)
    for _ in 0..<3 {
      #expect(!machine.isIdle && machine.litter.freeSlot == 1)
      Self.sweep(&machine, finds: false)
    }
    #expect(machine.isIdle && machine.litter.freeSlot == 0)
  }

  @Test("is in doubt until as many copies were found as were sent")
  func foundCopies() {
    var machine = Self.machine()
    _ = Self.answer(&machine, .success(.busy(QueueView())), copies: 2)
    Self.sweep(&machine, finds: true)
    Self.sweep(&machine, finds: false)
    #expect(!machine.isIdle)
    Self.sweep(&machine, finds: true)
    #expect(machine.isIdle)
  }

  @Test("is deleted after an error answer, unless that proves that nothing was written")
  func errorAnswer() {
    var failed = Self.machine()
    #expect(Self.answer(&failed, .failure(.failed(1))) == [.delete(Self.node)])
    var rejected = Self.machine()
    #expect(Self.answer(&rejected, .failure(.rejected(1))).isEmpty)
    #expect(rejected.isIdle)
    // The same if somebody waits.
    var waiting = QueueMachine(session: 1)
    _ = waiting.handle(.joined(patient: true), termIsLive: true)
    #expect(Self.answer(&waiting, .failure(.failed(1))) == [.delete(Self.node), .fail(1)])
  }

  @Test("is deleted again and again if the servers refuse it")
  func refusedDelete() {
    var machine = Self.machine(sweeps: 1)
    _ = Self.answer(&machine, .failure(.failed(1)))
    _ = machine.handle(.deleted(Self.node, isGone: false, wasThere: false), termIsLive: true)
    for _ in 0..<3 {
      #expect(machine.handle(.recheck, termIsLive: true) == [.delete(Self.node)])
      _ = machine.handle(.deleted(Self.node, isGone: false, wasThere: false), termIsLive: true)
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
