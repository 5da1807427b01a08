/// A model whose states also hold what could be seen on the way to them: the same state reached by two histories is two.
///
/// With it ``ExplorationModel/ends()`` compares histories, not only where they end. A model that leaves out steps whose order
/// cannot matter must have the same, as far as what is seen are not those steps.
package struct TracedModel<Base: ExplorationModel>: ExplorationModel {
  /// A state of the model, and what was seen before it.
  package struct State {
    var base: Base.State
    /// A digest of everything seen, in order.
    var trace: UInt64 = 0
  }

  private let base: Base
  private let sight: (_ step: Base.Step, _ before: Base.State, _ after: Base.State) -> UInt64?

  /// Traces a model.
  ///
  /// - Parameters:
  ///   - base: The model.
  ///   - sight: What a step that was taken shows, as a number; nil if nothing.
  package init(
    _ base: Base,
    seeing sight: @escaping (_ step: Base.Step, _ before: Base.State, _ after: Base.State) -> UInt64?
  ) {
    self.base = base
    self.sight = sight
  }

  /// The model's start, with nothing seen.
  package var start: State { State(base: self.base.start) }

  /// The model's steps.
  package func steps(from state: State) -> [Base.Step] { self.base.steps(from: state.base) }

  /// Takes the model's step.
  package func take(_ step: Base.Step, in state: inout State) throws(BrokenPromise) {
    let before = state.base
    try self.base.take(step, in: &state.base)
    guard let seen = self.sight(step, before, state.base) else { return }
    var digest = StateDigest()
    digest.add(state.trace)
    digest.add(seen)
    state.trace = digest.value
  }

  /// Looks at the model's state.
  package func check(_ state: State) throws(BrokenPromise) { try self.base.check(state.base) }

  /// Whether the model's step is a fault.
  package func isFault(_ step: Base.Step, in state: State) -> Bool { self.base.isFault(step, in: state.base) }

  /// Whether the model's state is at rest.
  package func isAtRest(_ state: State) -> Bool { self.base.isAtRest(state.base) }

  /// Tells states apart by what was seen, too.
  package func digest(_ state: State, into digest: inout StateDigest) {
    digest.add(state.trace)
    self.base.digest(state.base, into: &digest)
  }

  /// The model's step in words.
  package func describe(_ step: Base.Step, in state: State) -> String { self.base.describe(step, in: state.base) }

  /// The model's state in words.
  package func describe(_ state: State) -> String { self.base.describe(state.base) }
}
