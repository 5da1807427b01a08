/// The writer that the client has no need of.
extension RESPFrame {
  /// The message as a server would send it.
  var wire: [UInt8] {
    switch self {
    case .reply(let value): value.wire
    case .push(let values): Array(">\(values.count)\r\n".utf8) + values.flatMap(\.wire)
    }
  }

  /// All there is to the message, to compare it: a number that is none is not equal to itself.
  var exact: String { String(describing: self) }

  /// What the message makes the client keep.
  var cost: (values: Int, bytes: Int, depth: Int) {
    switch self {
    case .reply(let value): value.cost
    case .push(let values): RedisValue.array(values).cost
    }
  }
}

extension RedisValue {
  fileprivate var wire: [UInt8] {
    switch self {
    case .null: Array("_\r\n".utf8)
    case .string(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
    case .integer(let number): Array(":\(number)\r\n".utf8)
    case .double(let number): Array(",\(number)\r\n".utf8)
    case .boolean(let isTrue): Array("#\(isTrue ? "t" : "f")\r\n".utf8)
    case .array(let values): Array("*\(values.count)\r\n".utf8) + values.flatMap(\.wire)
    case .map(let values): Array("%\(values.count / 2)\r\n".utf8) + values.flatMap(\.wire)
    case .error(let text): Array("!\(text.utf8.count)\r\n\(text)\r\n".utf8)
    }
  }

  fileprivate var cost: (values: Int, bytes: Int, depth: Int) {
    switch self {
    case .string(let bytes): return (1, bytes.count, 0)
    case .array(let values), .map(let values):
      return values.map(\.cost).reduce((1, 0, 1)) { sum, cost in
        (sum.0 + cost.values, sum.1 + cost.bytes, max(sum.2, cost.depth + 1))
      }
    // The text of an error grows where its bytes are no UTF-8: each becomes three.
    case .error(let text): return (1, text.utf8.count / 3, 0)
    default: return (1, 0, 0)
    }
  }
}
