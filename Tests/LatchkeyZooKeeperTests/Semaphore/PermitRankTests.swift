import Latchkey
import Testing

@testable import LatchkeyZooKeeper

@Suite("Which permits count before ours")
struct PermitRankTests {
  /// A machine that has created a node, and what it does when it sees a list.
  private func isGranted(_ name: String, among others: [String], limit: Int) -> Bool {
    var machine = SemaphoreMachine(
      limit: limit,
      session: 1,
      mark: "ours",
      placeVanishes: LockFailure(LockError(.backendFailure, message: "a failure")),
      makeIdentifier: { _ in "ours-1" }
    )
    machine.demand = Demand(waits: true, want: .permits(1))
    _ = machine.demandChanged(true)
    let claim = PermitClaim(names: [name], session: 1)
    let view = SemaphoreView(leases: others + [name])
    return machine.handle(.entered(attempt: 1, create: .success(claim), view: .success(view)), true).contains(
      .grant(claim)
    )
  }

  @Test("those with lower numbers, and what has no number")
  func lower() {
    let own = "ours-1-lease-0000000005"
    #expect(self.isGranted(own, among: ["a-lease-0000000006", "b-lease-0000000007"], limit: 1))
    #expect(!self.isGranted(own, among: ["a-lease-0000000004"], limit: 1))
    #expect(self.isGranted(own, among: ["a-lease-0000000004", "z-lease-0000000009"], limit: 2))
    #expect(!self.isGranted(own, among: ["junk"], limit: 1))
    #expect(!self.isGranted(own, among: ["lease-7"], limit: 1))
  }

  @Test("all, where numbers have wrapped or may soon")
  func wrap() {
    #expect(!self.isGranted("ours-1-lease-2147483640", among: ["a-lease-2147483641"], limit: 1))
    #expect(!self.isGranted("ours-1-lease--2147483648", among: ["a-lease-2147483647"], limit: 1))
    #expect(!self.isGranted("ours-1-lease-0000000003", among: ["a-lease--2147483640"], limit: 1))
    #expect(self.isGranted("ours-1-lease--2147483648", among: ["a-lease-2147483647"], limit: 2))
  }

  @Test("not those of ours that nobody holds: they are being deleted")
  func dead() {
    #expect(self.isGranted("ours-2-lease-0000000005", among: ["ours-1-lease-0000000004"], limit: 1))
  }
}
