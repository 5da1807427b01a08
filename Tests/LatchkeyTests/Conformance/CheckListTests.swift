import LatchkeyTesting
import Testing

@Suite("List of conformance checks")
struct CheckListTests {
  @Test("no two checks share a name")
  func namesAreUnique() {
    let checks = LockConformance.checks + LockConformance.readWriteChecks + LockConformance.semaphoreChecks
    let names = checks.map(\.name)
    #expect(Set(names).count == names.count)
  }

  @Test("every promise has a check", arguments: 1...11)
  func everyPromiseIsChecked(_ promise: Int) {
    #expect(LockConformance.checks.contains { $0.promise == promise })
  }
}
