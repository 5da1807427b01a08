/// What a ``SweptTable`` keeps.
@usableFromInline
package protocol Sweepable {
  /// Takes the value out of use for good, unless something uses it.
  ///
  /// Called with the table in hand, so it must neither call others nor ask for the table. A caller that has looked the value
  /// up before must find it retired, and look it up again.
  ///
  /// - Returns: Whether the value is out of use; the table then forgets it.
  func retireIfIdle() -> Bool
}

/// Values by name, made on first use. Values that nothing uses are dropped now and then, so the table grows with what is in use
/// and not with the names that were ever asked for.
@frozen
@usableFromInline
package struct SweptTable<Key: Hashable, Value: Sweepable> {
  @usableFromInline
  var entries: [Key: Value] = [:]
  @usableFromInline
  let minimumSize: Int
  /// Idle values are dropped when the table has grown to this size: twice as many as were in use last time.
  @usableFromInline
  var sweepSize: Int

  /// - Parameter minimumSize: Up to this number of values, idle ones are kept.
  @inlinable
  package init(minimumSize: Int) {
    self.minimumSize = minimumSize
    self.sweepSize = minimumSize
  }

  @inlinable
  package var count: Int { self.entries.count }

  @inlinable
  package var values: [Value] { Array(self.entries.values) }

  /// The value of a name, if it has one.
  @inlinable
  package subscript(key: Key) -> Value? { self.entries[key] }

  /// Sets the value of a name. First drops what is idle, if the table has grown enough since.
  @inlinable
  package mutating func insert(_ value: Value, for key: Key) {
    if self.entries.count >= self.sweepSize {
      self.entries = self.entries.filter { !$0.value.retireIfIdle() }
      self.sweepSize = max(self.minimumSize, self.entries.count * 2)
    }
    self.entries[key] = value
  }

  /// The value of a name, made if it has none.
  @inlinable
  package mutating func value(for key: Key, make: () -> Value) -> Value {
    if let value = self[key] { return value }
    let value = make()
    self.insert(value, for: key)
    return value
  }
}

extension SweptTable: Sendable where Key: Sendable, Value: Sendable {}
