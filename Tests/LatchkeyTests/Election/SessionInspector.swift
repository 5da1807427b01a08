import Latchkey

/// Looks at the locks of a database in memory, as another process would.
struct SessionInspector: LockInspector {
  let database: SessionDatabase

  func inspect(_ name: LockName) async throws(LockError) -> LockReport {
    var contenders: [LockContender] = []
    if let holder = self.database.holder(of: name) {
      var contender = LockContender(place: 0, identity: "grant \(holder.number)")
      contender.label = "session \(holder.session)"
      contenders.append(contender)
    }
    return LockReport(name: name, backend: LockBackend(kind: "session", instance: "test"), contenders: contenders)
  }

  func remove(_ contender: LockContender, from name: LockName) async throws(LockError) -> Bool { false }
}
