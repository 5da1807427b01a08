/// Handlers by number: what is registered until it is removed, or until all are called.
@frozen
@usableFromInline
package struct HandlerTable<Handler> {
  @usableFromInline
  package typealias ID = UInt64

  @usableFromInline
  var handlers: [ID: Handler] = [:]
  @usableFromInline
  var nextID: ID = 1

  @inlinable
  package init() {}

  @inlinable
  package var isEmpty: Bool { self.handlers.isEmpty }

  @inlinable
  package var count: Int { self.handlers.count }

  @inlinable
  package func contains(_ id: ID) -> Bool { self.handlers[id] != nil }

  /// The handlers, in the order in which they were added.
  @inlinable
  package var all: [Handler] {
    // Most often there is one.
    guard self.handlers.count > 1 else { return Array(self.handlers.values) }
    return self.handlers.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Adds a handler.
  ///
  /// - Returns: Its number, which no other handler of this table ever has.
  @inlinable
  package mutating func add(_ handler: Handler) -> ID {
    let id = self.nextID
    self.nextID += 1
    self.handlers[id] = handler
    return id
  }

  /// Removes a handler.
  ///
  /// - Returns: The handler; nil if it is not in the table. It may hold the last reference to something: where the table is
  ///   guarded by a mutex, let go of it after that.
  @inlinable
  @discardableResult
  package mutating func remove(_ id: ID) -> Handler? { self.handlers.removeValue(forKey: id) }

  /// Empties the table.
  ///
  /// - Returns: The handlers, in the order in which they were added.
  @inlinable
  package mutating func removeAll() -> [Handler] {
    guard !self.handlers.isEmpty else { return [] }
    defer { self.handlers = [:] }
    return self.all
  }
}

extension HandlerTable: Sendable where Handler: Sendable {}
