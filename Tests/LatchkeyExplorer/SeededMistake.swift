/// A mistake that somebody might make, put into a model on purpose: an exploration that does not find it is worth nothing.
package struct SeededMistake<Model: ExplorationModel & Sendable>: Sendable, CustomStringConvertible {
  /// The mistake in words.
  package let description: String
  /// The model as it should be.
  package let model: Model
  /// Words in which the promise is told that the mistake breaks.
  package let outcome: String
  private let change: @Sendable (inout Model) -> Void

  /// Creates it.
  ///
  /// - Parameters:
  ///   - description: The mistake in words.
  ///   - model: The model as it should be; the smaller, the sooner it is explored.
  ///   - outcome: Words that the broken promise holds.
  ///   - change: Makes the mistake: changes a rule of the model.
  package init(
    _ description: String,
    in model: Model,
    leadsTo outcome: String,
    change: @escaping @Sendable (inout Model) -> Void
  ) {
    self.description = description
    self.model = model
    self.outcome = outcome
    self.change = change
  }

  /// Explores the model with the mistake.
  package func explore() -> Exploration {
    var model = self.model
    self.change(&model)
    return model.explore()
  }

  /// Whether an exploration met the mistake, and tells of it in the words that were expected.
  package func isFound(by exploration: Exploration) -> Bool {
    exploration.story?.promise.description.contains(self.outcome) ?? false
  }
}
