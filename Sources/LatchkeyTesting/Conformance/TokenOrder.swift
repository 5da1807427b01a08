internal import Latchkey

/// Whether tokens grow among grants that conflict: readers do not conflict with one another.
struct TokenOrder {
  private var greatestOfWriters: FencingToken?
  private var greatestOfReaders: FencingToken?

  /// Takes in the next grant.
  ///
  /// - Throws: If its token is not greater than those of all earlier grants that it conflicts with.
  mutating func note(_ token: FencingToken?, isWriter: Bool) throws {
    guard let token else { throw Unmet(expected: "a token with every grant", seen: "nil") }
    let kind = isWriter ? "writer" : "reader"
    if let greatestOfWriters, token <= greatestOfWriters {
      throw Unmet(expected: "a \(kind)'s token above \(greatestOfWriters) of a writer before", seen: "\(token)")
    }
    if isWriter, let greatestOfReaders, token <= greatestOfReaders {
      throw Unmet(expected: "a writer's token above \(greatestOfReaders) of a reader before", seen: "\(token)")
    }
    if isWriter {
      self.greatestOfWriters = token
    } else {
      self.greatestOfReaders = self.greatestOfReaders.map { max($0, token) } ?? token
    }
  }
}
