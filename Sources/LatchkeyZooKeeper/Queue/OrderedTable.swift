/// A table that keeps the order in which its keys came.
///
/// What a machine does about all entries then depends on its events alone, not on how keys are hashed. For a few entries: a key is
/// looked for from the front, where those stand that are answered next.
struct OrderedTable<Key: Equatable & Sendable, Value: Sendable>: Sendable {
  typealias Element = (key: Key, value: Value)

  private(set) var entries: [Element] = []

  var isEmpty: Bool { self.entries.isEmpty }

  func contains(_ key: Key) -> Bool { self.index(of: key) != nil }

  subscript(_ key: Key) -> Value? {
    get { self.index(of: key).map { self.entries[$0].value } }
    set {
      switch (self.index(of: key), newValue) {
      case (let index?, let value?): self.entries[index].value = value
      case (let index?, nil): self.entries.remove(at: index)
      case (nil, let value?): self.entries.append((key, value))
      case (nil, nil): break
      }
    }
  }

  subscript(_ key: Key, default value: @autoclosure () -> Value) -> Value {
    get { self[key] ?? value() }
    set { self[key] = newValue }
  }

  mutating func removeAll(where isMeant: (Element) -> Bool) { self.entries.removeAll(where: isMeant) }

  private func index(of key: Key) -> Int? { self.entries.firstIndex { $0.key == key } }
}
