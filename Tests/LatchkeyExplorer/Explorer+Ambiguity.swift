extension ExplorationModel {
  /// Looks for two states that are taken for one, although different things may happen from them: a digest that leaves out
  /// something that matters, so that an exploration would miss what only the second can lead to.
  ///
  /// Every state is compared, each time it is reached, with the first of the same digest: whether it is at rest, whether it
  /// breaks a promise, and the digests of all states one step on. A model that leaves out steps by who is who must be compared
  /// without that. Keeps all states and takes every step once for each way to it: for small models.
  ///
  /// - Returns: The two states and what follows from each, in words; nil if there are none.
  package func firstAmbiguity() -> String? {
    var first: [UInt64: State] = [:]
    var outlooks: [UInt64: Set<[UInt64]>] = [:]
    var open = [self.start]
    while let state = open.popLast() {
      let digest = self.digest(of: state)
      let (outlook, next) = self.outlook(from: state, digest)
      guard let known = outlooks[digest] else {
        outlooks[digest] = outlook
        first[digest] = state
        open += next
        continue
      }
      guard known != outlook, let other = first[digest] else { continue }
      return self.compare(other, known.subtracting(outlook), state, outlook.subtracting(known))
    }
    return nil
  }

  /// What a state is by itself, and what follows from it: for each step whether it is a fault, and which state it leads to, or
  /// that it breaks a promise.
  private func outlook(from state: State, _ own: UInt64) -> (Set<[UInt64]>, [State]) {
    // An exploration goes no further.
    if (try? self.check(state)) == nil { return ([Self.isBroken], []) }
    var outlook: Set<[UInt64]> = [self.isAtRest(state) ? Self.isResting : Self.isRestless]
    var next: [State] = []
    for step in self.steps(from: state) {
      let isFault: UInt64 = self.isFault(step, in: state) ? 1 : 0
      var reached = state
      do throws(BrokenPromise) {
        try self.take(step, in: &reached)
        next.append(reached)
        let digest = self.digest(of: reached)
        // What changes nothing that matters need not be possible from both.
        if digest != own { outlook.insert([isFault, digest]) }
      } catch {
        outlook.insert([isFault, 0, 0])
      }
    }
    return (outlook, next)
  }

  private static var isRestless: [UInt64] { [0] }
  private static var isResting: [UInt64] { [1] }
  private static var isBroken: [UInt64] { [2] }

  private func compare(
    _ one: State,
    _ onlyOne: Set<[UInt64]>,
    _ other: State,
    _ onlyOther: Set<[UInt64]>
  ) -> String {
    """
    taken for one:
      \(self.describe(one)), where only here: \(self.words(for: onlyOne, from: one))
      \(self.describe(other)), where only here: \(self.words(for: onlyOther, from: other))
    """
  }

  private func words(for outlook: Set<[UInt64]>, from state: State) -> String {
    if outlook.contains(Self.isBroken) { return "a promise is broken" }
    if outlook.contains(Self.isResting) { return "all is at rest" }
    let steps = self.steps(from: state).filter { step in
      var reached = state
      guard (try? self.take(step, in: &reached)) != nil else { return true }
      return outlook.contains([self.isFault(step, in: state) ? 1 : 0, self.digest(of: reached)])
    }
    return steps.isEmpty ? "nothing" : steps.map { self.describe($0, in: state) }.joined(separator: "; ")
  }
}
