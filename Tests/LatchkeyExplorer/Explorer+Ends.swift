extension ExplorationModel {
  /// The digests of all states in which nothing more can happen.
  ///
  /// A model that leaves out steps whose order cannot matter has the same as one that does not: a test of that.
  package func ends() -> Set<UInt64> {
    var ends: Set<UInt64> = []
    var seen: Set<UInt64> = []
    var open = [self.start]
    while let state = open.popLast() {
      let digest = self.digest(of: state)
      guard seen.insert(digest).inserted else { continue }
      let steps = self.steps(from: state)
      if steps.isEmpty { ends.insert(digest) }
      for step in steps {
        var next = state
        do throws(BrokenPromise) {
          try self.take(step, in: &next)
          open.append(next)
        } catch {
          // What breaks a promise leads nowhere.
          continue
        }
      }
    }
    return ends
  }
}
